/*
** The tables that hold the object model: orm_init().
**
**     orm_model, orm_field, orm_relationship   people edit them with SQL
**     orm_state(id=1, token)                   moves with every such change
**     orm_state(id>1, token)                   write/enforce.c's guard and work
**                                              rows, there only inside a delete
**
** The token is a chain hash: each change of a row sets it to
** hash(token, what was done, the row's content).  So it is the same for the
** same history, wherever that is replayed, and never the same for two
** histories: a rollback brings the old token back, and a different change
** after it leads to another one (no ABA).  Plain triggers do it, in the
** file, with no function of ours, so any program may edit the tables.
**
** Further plain triggers carry renames and deletes along to the rows and
** names that refer to a model or a relationship.  None of them fires itself,
** so PRAGMA recursive_triggers makes no difference.
*/
#include "../orm_int.h"

#define MAX_COLUMN 20

/* The tables.  zColumns is also what their token triggers hash. */
static const struct MetaTable {
  const char *zName;
  const char *zWord;            /* in the names of its triggers               */
  const char *azColumn[MAX_COLUMN];
  const char *zSql;
} aMeta[] = {
  { "orm_model", "model",
    { "name", "table_name", "primary_key", "natural_key", "soft_delete",
      "order_by" },
    "CREATE TABLE main.orm_model(\n"
    "  name TEXT PRIMARY KEY,\n"
    "  table_name TEXT,\n"
    "  primary_key TEXT,\n"
    "  natural_key TEXT,\n"
    "  soft_delete TEXT,\n"
    "  order_by TEXT\n"
    ")" },
  { "orm_field", "field",
    { "model", "name", "type", "hidden", "readonly", "auto" },
    "CREATE TABLE main.orm_field(\n"
    "  model TEXT,\n"
    "  name TEXT,\n"
    "  type TEXT,\n"
    "  hidden BOOLEAN,\n"
    "  readonly BOOLEAN,\n"
    "  auto TEXT,\n"
    "  PRIMARY KEY(model, name)\n"
    ")" },
  { "orm_relationship", "relationship",
    { "model", "name", "target", "direction", "local_columns",
      "remote_columns", "secondary", "secondary_local", "secondary_remote",
      "back_populates", "order_by", "cascade", "passive_deletes",
      "single_parent", "viewonly" },
    "CREATE TABLE main.orm_relationship(\n"
    "  model TEXT,\n"
    "  name TEXT,\n"
    "  target TEXT,\n"
    "  direction TEXT,\n"
    "  local_columns TEXT,\n"
    "  remote_columns TEXT,\n"
    "  secondary TEXT,\n"
    "  secondary_local TEXT,\n"
    "  secondary_remote TEXT,\n"
    "  back_populates TEXT,\n"
    "  order_by TEXT,\n"
    "  cascade TEXT,\n"
    "  passive_deletes,\n"
    "  single_parent BOOLEAN,\n"
    "  viewonly BOOLEAN,\n"
    "  PRIMARY KEY(model, name)\n"
    ")" },
};

static const char *const azTokenOp[] = { "insert", "update", "delete" };

static const char zStateSql[] =
    "CREATE TABLE main.orm_state(id INTEGER PRIMARY KEY, token NOT NULL)";

/* What a rename or a delete takes along. */
static const struct CarryTrigger { const char *zName, *zSql; } aCarry[] = {
  { "orm_carry_model_rename",
    "AFTER UPDATE OF name ON orm_model WHEN new.name IS NOT old.name BEGIN\n"
    "  UPDATE orm_field SET model=new.name WHERE model=old.name;\n"
    "  UPDATE orm_relationship SET model=new.name WHERE model=old.name;\n"
    "  UPDATE orm_relationship SET target=new.name WHERE target=old.name;\n"
    "END" },
  { "orm_carry_model_delete",
    "AFTER DELETE ON orm_model BEGIN\n"
    "  DELETE FROM orm_field WHERE model=old.name;\n"
    "  DELETE FROM orm_relationship WHERE model=old.name;\n"
    "  DELETE FROM orm_relationship WHERE target=old.name;\n"
    "END" },
  { "orm_carry_relationship_rename",
    "AFTER UPDATE OF name ON orm_relationship"
    " WHEN new.name IS NOT old.name BEGIN\n"
    "  UPDATE orm_relationship SET back_populates=new.name\n"
    "  WHERE back_populates=old.name AND (target=old.model OR (target IS NULL"
    " AND model=old.target AND name=old.back_populates));\n"
    "END" },
  { "orm_carry_relationship_delete",
    "AFTER DELETE ON orm_relationship BEGIN\n"
    "  UPDATE orm_relationship SET back_populates=NULL\n"
    "  WHERE back_populates=old.name AND (target=old.model OR (target IS NULL"
    " AND model=old.target AND name=old.back_populates));\n"
    "END" },
};

/* One change of kind zOp ("insert" ..) of a table as text to hash. */
static void tokenContent(
  OrmBuf *pBuf, const struct MetaTable *pMeta, const char *zOp
){
  const char *zRow = zOp[0]=='d' ? "old" : "new";
  ormBufPrintf(pBuf, "'%s %s '", pMeta->zWord, zOp);
  if( zOp[0]!='i' ) ormBufAdd(pBuf, "||old.rowid||' '", -1);
  if( zOp[0]=='d' ) return;
  ormBufPrintf(pBuf, "||%s.rowid", zRow);
  for(int i=0; pMeta->azColumn[i]; i++){
    ormBufPrintf(pBuf, "||','||quote(%s.%s)", zRow, pMeta->azColumn[i]);
  }
}

/* The text of a token trigger, from its name on.  The hash is a polynomial
** over the characters modulo a prime below 2^42: nothing overflows.  The text
** is taken in pieces, since each step copies what it carries: a cell of a
** million characters must not take hours. */
static void tokenTrigger(
  OrmBuf *pBuf, const struct MetaTable *pMeta, const char *zOp
){
  ormBufPrintf(pBuf, "AFTER %s ON %s BEGIN\n"
      "  UPDATE orm_state SET token=(WITH RECURSIVE h(s, i, t) AS ("
      "SELECT substr(", zOp, pMeta->zName);
  tokenContent(pBuf, pMeta, zOp);
  ormBufAdd(pBuf, ",1,250), 251,\n  (SELECT token FROM orm_state WHERE id=1)"
      " UNION ALL SELECT CASE WHEN length(s)>1 THEN substr(s,2)"
      " ELSE substr(", -1);
  tokenContent(pBuf, pMeta, zOp);
  ormBufAdd(pBuf, ",i,250) END,\n  i+(length(s)=1)*250,"
      " (t*1500007+unicode(s))%4398046511093 FROM h WHERE s<>'')\n"
      "  SELECT t FROM h WHERE s='') WHERE id=1;\n"
      "END", -1);
}

/* Make a trigger say zBody: created, or replaced where it says otherwise.
** Returns 1 if it had to be written. */
static int ensureTrigger(
  Orm *pOrm, OrmErr *pErr, const char *zName, const char *zBody
){
  OrmArena arena;
  const char *zOld = 0;
  char *zNew = sqlite3_mprintf("CREATE TRIGGER %s %s", zName, zBody);
  int bThere, bSame;
  if( zNew==0 ) ormErrOom(pErr);
  ormArenaInit(&arena, pErr);
  bThere = ormFactExists(pOrm, pErr, "trigger", zName, &arena, &zOld);
  assert( zNew || !bThere );
  bSame = bThere && zOld && strcmp(zOld, zNew)==0;
  if( bThere && !bSame ) ormFactExec(pOrm, pErr, "DROP TRIGGER main.%s", zName);
  if( !bSame ){
    ormFactExec(pOrm, pErr, "CREATE TRIGGER main.%s %s", zName, zBody);
  }
  ormArenaFree(&arena);
  sqlite3_free(zNew);
  return !bSame;
}

static int ensureTokenTrigger(
  Orm *pOrm, OrmErr *pErr, const struct MetaTable *pMeta, const char *zOp
){
  OrmBuf body;
  char zName[60];
  int bChanged;
  ormBufInit(&body, pErr);
  sqlite3_snprintf(sizeof(zName), zName, "orm_token_%s_%s", pMeta->zWord, zOp);
  tokenTrigger(&body, pMeta, zOp);
  bChanged = ensureTrigger(pOrm, pErr, zName, ormBufText(&body));
  ormBufFree(&body);
  return bChanged;
}

/* Make a table of ours exist; something else of that name is an error.
** Returns 1 if it had to be created. */
static int ensureTable(
  Orm *pOrm, OrmErr *pErr, const char *zName, const char *zSql
){
  int eKind = ormFactKind(pOrm, pErr, zName);
  if( pErr->rc || eKind==ORM_KIND_TABLE ) return 0;
  if( eKind!=ORM_KIND_NONE ){
    ormErr(pErr, SQLITE_ERROR, "orm: %s is a %s in this file: rename it first",
           zName, eKind==ORM_KIND_VIEW ? "view" : "virtual table");
    return 0;
  }
  ormFactExec(pOrm, pErr, "%s", zSql);
  return 1;
}

/* Create what is missing, refresh triggers that differ; inside an anchor or a
** savepoint.  Returns how many schema objects had to be written. */
int ormStateEnsure(Orm *pOrm, OrmErr *pErr){
  int nChange = 0;
  for(int i=0; i<ORM_COUNT(aMeta); i++){
    nChange += ensureTable(pOrm, pErr, aMeta[i].zName, aMeta[i].zSql);
  }
  nChange += ensureTable(pOrm, pErr, "orm_state", zStateSql);
  for(int i=0; i<ORM_COUNT(aMeta) && pErr->rc==SQLITE_OK; i++){
    for(int j=0; j<ORM_COUNT(azTokenOp); j++){
      nChange += ensureTokenTrigger(pOrm, pErr, &aMeta[i], azTokenOp[j]);
    }
  }
  for(int i=0; i<ORM_COUNT(aCarry) && pErr->rc==SQLITE_OK; i++){
    nChange += ensureTrigger(pOrm, pErr, aCarry[i].zName, aCarry[i].zSql);
  }
  ormFactExec(pOrm, pErr, "INSERT INTO main.orm_state(id, token)"
      " SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM main.orm_state)");
  return nChange;
}

/* Is a trigger of ours there and as it should be? */
static void driftTrigger(
  Orm *pOrm, OrmErr *pErr, const char *zName, const char *zBody,
  void (*xDrift)(void*, const char*, const char*), void *pArg
){
  OrmArena arena;
  const char *zOld = 0;
  char *zNew = sqlite3_mprintf("CREATE TRIGGER %s %s", zName, zBody);
  ormArenaInit(&arena, pErr);
  if( zNew==0 ) ormErrOom(pErr);
  ormFactExists(pOrm, pErr, "trigger", zName, &arena, &zOld);
  if( pErr->rc==SQLITE_OK && zOld==0 ){
    xDrift(pArg, zName, "a trigger of the metadata is missing");
  }else if( pErr->rc==SQLITE_OK && strcmp(zOld, zNew)!=0 ){
    xDrift(pArg, zName, "a trigger of the metadata is not what it should be");
  }
  ormArenaFree(&arena);
  sqlite3_free(zNew);
}

void ormStateDrift(
  Orm *pOrm, OrmErr *pErr,
  void (*xDrift)(void*, const char *zName, const char *zWhat), void *pArg
){
  OrmBuf body;
  sqlite3_stmt *pStmt;
  ormBufInit(&body, pErr);
  for(int i=0; i<ORM_COUNT(aMeta)*ORM_COUNT(azTokenOp); i++){
    const struct MetaTable *pMeta = &aMeta[i/ORM_COUNT(azTokenOp)];
    const char *zOp = azTokenOp[i%ORM_COUNT(azTokenOp)];
    char zName[60];
    sqlite3_snprintf(sizeof(zName), zName, "orm_token_%s_%s", pMeta->zWord,
                     zOp);
    ormBufReset(&body);
    tokenTrigger(&body, pMeta, zOp);
    driftTrigger(pOrm, pErr, zName, ormBufText(&body), xDrift, pArg);
  }
  for(int i=0; i<ORM_COUNT(aCarry); i++){
    driftTrigger(pOrm, pErr, aCarry[i].zName, aCarry[i].zSql, xDrift, pArg);
  }
  ormBufFree(&body);
  pStmt = ormFactOpen(pOrm, pErr,
                      "SELECT 1 FROM main.orm_state WHERE id=1");
  if( !ormFactStep(pOrm, pErr, pStmt) && pErr->rc==SQLITE_OK ){
    xDrift(pArg, "orm_state", "the token of the metadata is missing");
  }
  sqlite3_finalize(pStmt);
}

/* Move the schema cookie, so that every connection looks again. */
static void stateBump(Orm *pOrm, OrmErr *pErr){
  ormFactExec(pOrm, pErr, "CREATE VIEW main.orm_bump AS SELECT 1");
  ormFactExec(pOrm, pErr, "DROP VIEW main.orm_bump");
}

static void initJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  ORM_UNUSED(pArg);
  if( ormStateEnsure(pOrm, pErr)==0 ) stateBump(pOrm, pErr);
}

/* orm_init(): everything is there afterwards, and the schema cookie moved. */
void ormInit(Orm *pOrm, OrmErr *pErr){
  ormAnchorRun(pOrm, pErr, initJob, 0);
}
