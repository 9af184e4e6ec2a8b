/*
** All or nothing, in every context.
**
** A job runs inside INSERT OR IGNORE INTO orm_anchor(job) SELECT ?1, where
** orm_anchor is a virtual table whose xUpdate calls the job that the pointer ?1
** brings.  To SQLite this is a statement that writes many rows and may fail, so
** it gets a statement journal wherever it runs, and when xUpdate returns an
** error all that the job wrote in "main" is undone (CRAFT.md 3d).
**
** A job that went well returns SQLITE_CONSTRAINT, the one code that OR IGNORE
** passes over: then nothing is undone, and the row of the anchor, which is no
** row, is not counted by changes() and total_changes().
**
** Jobs nest: while one anchor statement is on loan the next call gets another.
** The first failure is the one reported, however deep it happened.
*/
#include "../orm_int.h"

#define ANCHOR_TYPE "orm_anchor"

typedef struct AnchorJob AnchorJob;
struct AnchorJob {
  OrmErr *pErr;
  OrmJob xJob;
  void *pArg;
  u8 bRan;
};

int ormAnchorUpdate(
  sqlite3_vtab *pVtab, int argc, sqlite3_value **argv, sqlite3_int64 *piRowid
){
  Orm *pOrm = ((OrmAnchorTab*)pVtab)->pOrm;
  AnchorJob *p;
  /* The table has no row that could be deleted or changed. */
  assert( argc>2 );
  ORM_UNUSED(argc);
  p = sqlite3_value_pointer(argv[2], ANCHOR_TYPE);
  if( p==0 ){
    sqlite3_free(pVtab->zErrMsg);
    pVtab->zErrMsg = sqlite3_mprintf(
        "orm: orm_anchor is for orm's own use, nothing can be written to it");
    return SQLITE_ERROR;
  }
  p->bRan = 1;
  p->xJob(pOrm, p->pErr, p->pArg);
  *piRowid = sqlite3_last_insert_rowid(pOrm->db);
  if( p->pErr->rc==SQLITE_OK ) return SQLITE_CONSTRAINT;
  return (p->pErr->rc & 0xff)==SQLITE_CONSTRAINT ? SQLITE_ERROR : p->pErr->rc;
}

/* A real table of our name would take the row instead of us.  Looked for when
** the statement is new; a later one is found out as the job does not run. */
static void anchorCheck(Orm *pOrm, OrmErr *pErr){
  OrmStmt *p = ormStmtTakeQuiet(pOrm, pErr,
      "SELECT 1 FROM main.sqlite_schema "
      "WHERE name='orm_anchor' COLLATE nocase AND type IN ('table','view')");
  int bHidden = ormStmtStep(pOrm, pErr, p);
  ormStmtGive(pOrm, pErr, p);
  if( bHidden ){
    ormErr(pErr, SQLITE_ERROR, "orm: a table or view of this file is named "
           "orm_anchor, which hides orm's own: rename it");
  }
}

static void anchorStep(Orm *pOrm, OrmErr *pErr, OrmStmt *pStmt, AnchorJob *p){
  ormBindPointerTo(pStmt, 1, p, ANCHOR_TYPE);
  ormStmtStep(pOrm, pErr, pStmt);
  pStmt->bFailed |= (pErr->rc!=SQLITE_OK);
  if( !p->bRan ){
    ormErr(pErr, SQLITE_ERROR, "orm: the write did not run: is a table of this "
           "file named orm_anchor?");
  }
}

/*
** Run the job without a statement journal.  What an error leaves is the
** caller's to undo; but if it is one after which SQLite runs nothing more until
** the outermost statement is over (out of memory, an interrupt), not even a
** ROLLBACK, then the whole transaction goes, as such a statement ends.
*/
void ormAnchorRunAll(Orm *pOrm, OrmErr *pErr, OrmJob xJob, void *pArg){
  AnchorJob job = { pErr, xJob, pArg, 0 };
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr,
      "INSERT OR IGNORE INTO main.orm_anchor(job) VALUES(?1)");
  if( pStmt==0 ) return;
  if( pStmt->bNew ) anchorCheck(pOrm, pErr);
  if( pErr->rc==SQLITE_OK ) anchorStep(pOrm, pErr, pStmt, &job);
  ormStmtGive(pOrm, pErr, pStmt);
}

/*
** Run the job; on any error nothing of it is left, and *pErr says why.  If the
** caller's whole transaction was rolled back with it (a constraint with ON
** CONFLICT ROLLBACK, a full disk), the code is SQLITE_ABORT_ROLLBACK: a SELECT
** around us would go on as if nothing had happened.
*/
void ormAnchorRun(Orm *pOrm, OrmErr *pErr, OrmJob xJob, void *pArg){
  AnchorJob job = { pErr, xJob, pArg, 0 };
  int bTransaction = !sqlite3_get_autocommit(pOrm->db);
  OrmStmt *pStmt = ormStmtTakeQuiet(pOrm, pErr,
      "INSERT OR IGNORE INTO main.orm_anchor(job) SELECT ?1");
  if( pStmt==0 ) return;
  if( pStmt->bNew ) anchorCheck(pOrm, pErr);
  if( pErr->rc==SQLITE_OK ) anchorStep(pOrm, pErr, pStmt, &job);
  ormStmtGive(pOrm, pErr, pStmt);
  if( pErr->rc!=SQLITE_OK && bTransaction && sqlite3_get_autocommit(pOrm->db) ){
    pErr->rc = SQLITE_ABORT_ROLLBACK;
  }
}
