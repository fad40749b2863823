"""Records and how they are kept: codec, hash chain, snapshots, blobs; memory and SQLite stores; the reader."""
