"""What people see: terminal, charts, the HTML page. Reads plans and reports; decides and measures nothing."""
