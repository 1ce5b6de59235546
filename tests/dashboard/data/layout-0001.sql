BEGIN TRANSACTION;
CREATE TABLE file (
	id VARCHAR(16) NOT NULL, 
	project_id VARCHAR(16) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size INTEGER NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES project (id) ON DELETE CASCADE
);
INSERT INTO "file" VALUES('zb6wqr7whsb4','q5gkkdfs5r7k','image','galaxy.fits','6ec9c2b0eb14010746c8bce8939303b382344b296206612eb8a907a37b2b2f37',6,'2026-11-24 09:03:49.663080');
CREATE TABLE meta (
	"key" VARCHAR(40) NOT NULL, 
	value VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema_version','1');
CREATE TABLE project (
	id VARCHAR(16) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	created DATETIME NOT NULL, 
	updated DATETIME NOT NULL, 
	description JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "project" VALUES('q5gkkdfs5r7k','NGC 4565','2026-11-24 09:03:49.646440','2026-11-24 09:03:49.703578','{"residua": 1, "images": [{"name": "image", "data": "file:zb6wqr7whsb4"}], "components": [{"name": "sky", "model": "flat sky", "parameters": {"intensity": 31.6}}]}');
CREATE TABLE run (
	id VARCHAR(16) NOT NULL, 
	project_id VARCHAR(16) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	fitter VARCHAR(60) NOT NULL, 
	options JSON NOT NULL, 
	description JSON NOT NULL, 
	created DATETIME NOT NULL, 
	started DATETIME, 
	finished DATETIME, 
	message VARCHAR(2000) NOT NULL, 
	converged BOOLEAN, 
	chi2_dof DOUBLE, 
	error VARCHAR(4000), 
	PRIMARY KEY (id), 
	FOREIGN KEY(project_id) REFERENCES project (id) ON DELETE CASCADE
);
INSERT INTO "run" VALUES('2b4prt9jgz5q','q5gkkdfs5r7k','finished','lm','{"max_steps": 3}','{"residua": 1, "images": [{"name": "image", "data": "file:zb6wqr7whsb4"}], "components": [{"name": "sky", "model": "flat sky", "parameters": {"intensity": 31.6}}]}','2026-11-24 09:03:49.673702','2026-11-24 09:03:49.681156','2026-11-24 09:03:49.695452','Converged.',1,1.01,NULL);
INSERT INTO "run" VALUES('jh74xkqqm9cs','q5gkkdfs5r7k','queued','nuts','{}','{"residua": 1, "images": [{"name": "image", "data": "file:zb6wqr7whsb4"}], "components": [{"name": "sky", "model": "flat sky", "parameters": {"intensity": 31.6}}]}','2026-11-24 09:03:49.703578',NULL,NULL,'Waiting for a free worker.',NULL,NULL,NULL);
CREATE INDEX ix_project_updated ON project (updated);
CREATE INDEX ix_file_project_id ON file (project_id);
CREATE INDEX ix_file_sha256 ON file (sha256);
CREATE INDEX ix_run_project_id ON run (project_id);
CREATE INDEX ix_run_status_created ON run (status, created);
COMMIT;
