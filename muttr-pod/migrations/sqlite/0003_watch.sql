-- What a pod watches over for those who had it keep it.
CREATE TABLE watch (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
