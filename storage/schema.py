"""The tables of library.db, as migrations of sqlite-utils: each one runs once, in order, and is never edited again.

Tensors are deliberately not here: they live in safetensors files beside the database.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("storage")


@migrations()
def m001_documents_and_memories(db: Database) -> None:
    """Documents with their pages and full text index; memories with their segments."""
    db.executescript(
        """
        CREATE TABLE documents (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            file_name TEXT NOT NULL,
            format TEXT NOT NULL,
            pages INTEGER NOT NULL,
            chars INTEGER NOT NULL,
            added_at REAL NOT NULL
        );
        CREATE INDEX documents_added_at ON documents (added_at);

        -- The full text index points at pages by rowid, and only an INTEGER PRIMARY KEY survives VACUUM.
        CREATE TABLE pages (
            id INTEGER PRIMARY KEY,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            label TEXT NOT NULL,
            start_char INTEGER NOT NULL,
            end_char INTEGER NOT NULL,
            text TEXT NOT NULL,
            UNIQUE (document_id, number)
        );

        CREATE TABLE memories (
            key TEXT PRIMARY KEY,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            state TEXT NOT NULL CHECK (state IN ('reading', 'ready')),
            settings TEXT NOT NULL,
            windows INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            slots INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            hash TEXT,
            seconds REAL NOT NULL DEFAULT 0,
            created_at REAL NOT NULL,
            ready_at REAL,
            last_used_at REAL NOT NULL,
            CHECK (state = 'reading' OR (hash IS NOT NULL AND ready_at IS NOT NULL))
        );
        CREATE INDEX memories_document_id ON memories (document_id);

        CREATE TABLE segments (
            memory_key TEXT NOT NULL REFERENCES memories (key) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            first_slot INTEGER NOT NULL,
            slots INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            file TEXT,
            bytes INTEGER NOT NULL,
            hash TEXT NOT NULL,
            PRIMARY KEY (memory_key, number)
        ) WITHOUT ROWID;
        CREATE INDEX segments_key ON segments (key);
        """
    )
    db.table("pages").enable_fts(["text"], create_triggers=True, tokenize="unicode61 remove_diacritics 2")


@migrations()
def m002_room_and_origin(db: Database) -> None:
    """Columns for eviction, a mark for imported memories, and the library's own settings."""
    for statement in (
        "ALTER TABLE documents ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE documents ADD COLUMN read_at REAL",
        "ALTER TABLE memories ADD COLUMN imported INTEGER NOT NULL DEFAULT 0",
        "UPDATE documents SET read_at = (SELECT MAX(ready_at) FROM memories WHERE document_id = documents.id)",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    ):
        db.execute(statement)


@migrations()
def m003_jobs(db: Database) -> None:
    """Reading jobs, which outlive the program that runs them."""
    db.execute(
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            settings TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'cancelled', 'failed', 'ready')),
            wanted TEXT CHECK (wanted IN ('pause', 'cancel')),
            owner TEXT,
            beat_at REAL NOT NULL,
            pages_done INTEGER NOT NULL DEFAULT 0,
            pages INTEGER NOT NULL DEFAULT 0,
            tokens_done INTEGER NOT NULL DEFAULT 0,
            tokens INTEGER NOT NULL DEFAULT 0,
            tokens_per_second REAL NOT NULL DEFAULT 0,
            seconds_left REAL,
            reason TEXT,
            memory_key TEXT,
            created_at REAL NOT NULL
        )
        """
    )
    db.execute("CREATE INDEX jobs_document_id ON jobs (document_id)")


@migrations()
def m004_conversations(db: Database) -> None:
    """Users' questions and answers about documents. Removing any of a conversation's documents removes the conversation."""
    db.executescript(
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            user TEXT NOT NULL,
            created_at REAL NOT NULL
        );
        CREATE INDEX conversations_user ON conversations (user, created_at);

        CREATE TABLE conversation_documents (
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            PRIMARY KEY (conversation_id, place),
            UNIQUE (conversation_id, document_id)
        ) WITHOUT ROWID;
        CREATE INDEX conversation_documents_document_id ON conversation_documents (document_id);
        CREATE TRIGGER conversations_go_with_documents AFTER DELETE ON conversation_documents BEGIN
            DELETE FROM conversations WHERE id = OLD.conversation_id;
        END;

        CREATE TABLE turns (
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            evidence TEXT NOT NULL,
            counts TEXT NOT NULL,
            asked_at REAL NOT NULL,
            PRIMARY KEY (conversation_id, number)
        ) WITHOUT ROWID;
        """
    )


@migrations()
def m005_holdings(db: Database) -> None:
    """Which user has which document, and unanswered questions, which survive a restart."""
    db.executescript(
        """
        CREATE TABLE holdings (
            user TEXT NOT NULL,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            title TEXT NOT NULL,
            tags TEXT NOT NULL DEFAULT '[]',
            pinned INTEGER NOT NULL DEFAULT 0,
            added_at REAL NOT NULL,
            PRIMARY KEY (user, document_id)
        ) WITHOUT ROWID;
        CREATE INDEX holdings_document_id ON holdings (document_id);

        CREATE TABLE questions (
            id TEXT PRIMARY KEY,
            user TEXT NOT NULL,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            conversation_id TEXT NOT NULL,
            text TEXT NOT NULL,
            settings TEXT NOT NULL,
            owner TEXT,
            asked_at REAL NOT NULL
        );
        CREATE INDEX questions_document_id ON questions (document_id);
        """
    )


@migrations()
def m006_files_of_their_own(db: Database) -> None:
    """Each user's own title, file name, format, pages and original of a document, and each user's own jobs.

    A document without a user becomes the local user's, who saw it before. An original goes to the one user whose file it must have
    been: the user who first added the document if that was a PDF, else the only later user, or the only user of all.
    """
    for column in (
        "file_title TEXT NOT NULL DEFAULT ''",
        "file_name TEXT NOT NULL DEFAULT ''",
        "format TEXT NOT NULL DEFAULT ''",
        "pages INTEGER NOT NULL DEFAULT 0",
        "division TEXT NOT NULL DEFAULT ''",
        "original TEXT",
    ):
        db.execute(f"ALTER TABLE holdings ADD COLUMN {column}")
    db.execute("ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT ''")
    db.execute(
        "INSERT INTO holdings (user, document_id, title, pinned, added_at) SELECT '', id, title, pinned, added_at"
        " FROM documents WHERE id NOT IN (SELECT document_id FROM holdings)"
    )
    db.execute(
        """
        UPDATE holdings SET pages = documents.pages, format = documents.format,
            file_title = CASE WHEN holdings.added_at = documents.added_at THEN documents.title ELSE holdings.title END,
            file_name = CASE WHEN holdings.added_at = documents.added_at THEN documents.file_name ELSE '' END,
            original = CASE WHEN CASE
                WHEN NOT EXISTS (SELECT 1 FROM holdings WHERE user <> '') THEN 1
                WHEN documents.format = 'pdf' THEN holdings.added_at = documents.added_at
                ELSE holdings.added_at <> documents.added_at AND 1 = (
                    SELECT COUNT(*) FROM holdings AS other
                    WHERE other.document_id = documents.id AND other.added_at <> documents.added_at
                )
            END THEN holdings.document_id END
        FROM documents WHERE documents.id = holdings.document_id
        """
    )
    db.execute(
        "UPDATE jobs SET user = COALESCE("
        "(SELECT user FROM holdings WHERE document_id = jobs.document_id ORDER BY added_at, user LIMIT 1), '')"
    )
    # Each user who shared a reading gets a job of their own.
    db.execute(
        """
        INSERT INTO jobs (id, user, document_id, settings, state, beat_at, pages_done, pages, tokens_done, tokens,
            tokens_per_second, reason, memory_key, created_at)
        SELECT lower(hex(randomblob(16))), holdings.user, jobs.document_id, settings,
            CASE state WHEN 'running' THEN 'queued' ELSE state END, beat_at, pages_done, jobs.pages, tokens_done, tokens,
            tokens_per_second, reason, memory_key, created_at
        FROM jobs JOIN holdings ON holdings.document_id = jobs.document_id AND holdings.user <> jobs.user
        """
    )
    # SQLite cannot change a UNIQUE constraint, so the table is made anew. The full text index refers to the rows' ids, which stay.
    triggers = [
        sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'pages'")
    ]
    for statement in (
        """
        CREATE TABLE divided_pages (
            id INTEGER PRIMARY KEY,
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            division TEXT NOT NULL DEFAULT '',
            number INTEGER NOT NULL,
            label TEXT NOT NULL,
            start_char INTEGER NOT NULL,
            end_char INTEGER NOT NULL,
            text TEXT NOT NULL,
            UNIQUE (document_id, division, number)
        )
        """,
        "INSERT INTO divided_pages SELECT id, document_id, '', number, label, start_char, end_char, text FROM pages",
        "DROP TABLE pages",
        "ALTER TABLE divided_pages RENAME TO pages",
        *triggers,
    ):
        db.execute(statement)


@migrations()
def m007_conversations_of_programs(db: Database) -> None:
    """Who asks in a conversation: a person in the app (''), or a program, whose questions the app does not list."""
    db.execute("ALTER TABLE conversations ADD COLUMN asked_by TEXT NOT NULL DEFAULT ''")


@migrations()
def m008_hashes_of_originals(db: Database) -> None:
    """The hashes of an original and of its cover. `Store` fills them in for files older than the columns."""
    for column in ("original_hash TEXT", "cover_hash TEXT"):
        db.execute(f"ALTER TABLE holdings ADD COLUMN {column}")


@migrations()
def m009_parser_versions(db: Database) -> None:
    """Which version of the parsers made a document's text; NULL: an unknown one, older than the column."""
    db.execute("ALTER TABLE documents ADD COLUMN parser_version INTEGER")


@migrations()
def m010_sentence_vectors(db: Database) -> None:
    """What sentence encoders made of documents, by the encoder's fingerprint."""
    db.execute(
        """
        CREATE TABLE sentence_vectors (
            document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            encoder TEXT NOT NULL,
            hash TEXT NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (document_id, encoder)
        )
        """
    )


@migrations()
def m011_authors(db: Database) -> None:
    """Whom a file's properties name as its authors, as a JSON list: for the document, and for each user's own file."""
    for table in ("documents", "holdings"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN authors TEXT NOT NULL DEFAULT '[]'")


# Names begin with their number: a database with a greater number comes from a newer program.
LATEST = m011_authors.__name__
