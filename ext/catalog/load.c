/*
** The catalog of a connection: pinned, checked against the file, dropped when
** the file has moved on.
**
** A catalog is one reading of the metadata.  It grows: a model is read when
** it is first asked for (model.c), so a query over one model of a thousand
** reads that one; what has been read never changes.  Broken models are not
** kept, their error is found again at each use.
**
** Two statements on orm_state.token decide whether the catalog still holds.
** The first stays on its row while anything is pinned, which keeps one read
** snapshot for the whole call (a transaction that has but read keeps it too:
** ormCatalogPinCall()); pins below it look with the second.  Either of them
** having been re-prepared means that the schema moved (own and foreign changes,
** rollbacks too); another token means that the metadata did.
*/
#include "../orm_int.h"

#define N_BUCKET 64

struct OrmCatalog {
  Orm *pOrm;
  int nRef;
  u8 bStale;                    /* cannot be checked: good for one pin only   */
  u8 bClean;                    /* nothing was uncommitted at the peek        */
  u8 bSettled;                  /* its token is one that was committed        */
  u8 bSeen;                     /* it held when these two were so             */
  int nChange;                  /*   sqlite3_total_changes()                  */
  u32 iVersion;                 /*   and SQLITE_FCNTL_DATA_VERSION            */
  u8 bRead;                     /* it held in a transaction that had but read */
  u32 iRead;                    /*   this data version                        */
  i64 iToken;
  OrmArena arena;               /* all models; pErr is set on each way in     */
  OrmErr err;                   /* where arena.pErr points between calls      */
  OrmModel *apBucket[N_BUCKET]; /* loaded models by name                      */
  int nName; const char **azName;            /* all names, in file order      */
  OrmReverse *apReverse[3];     /* references.c: look-ups against the grain   */
};

static const char zNoModels[] =
    "orm: no models in this file: call orm_reflect(), orm_define() or"
    " orm_init()";

/* ------------------------------------------------------------------------
** Life of a catalog
*/
OrmCatalog *ormCatalogRef(OrmCatalog *p){
  p->nRef++;
  return p;
}

void ormCatalogUnref(OrmCatalog *p){
  if( p==0 || --p->nRef>0 ) return;
  ormArenaFree(&p->arena);
  ormErrClear(&p->err);
  sqlite3_free(p);
}

static void tokenClose(Orm *pOrm){
  for(int i=0; i<2; i++){
    sqlite3_finalize(pOrm->apToken[i]);
    pOrm->apToken[i] = 0;
    pOrm->aReprepare[i] = 0;
  }
}

/* Forget the catalog: the next pin reads anew. */
void ormCatalogDrop(Orm *pOrm){
  OrmCatalog *p = pOrm->pCatalog;
  pOrm->pCatalog = 0;
  ormCatalogUnref(p);
}

/* The connection closes: called through ormContextOnDrop(). */
void ormCatalogClose(Orm *pOrm){
  ormCatalogDrop(pOrm);
  tokenClose(pOrm);
}

/* Read all model names. */
static void catalogNames(OrmCatalog *p, OrmErr *pErr){
  sqlite3_stmt *pStmt;
  int nAlloc = 0;
  p->arena.pErr = pErr;
  pStmt = ormFactOpen(p->pOrm, pErr,
      "SELECT name FROM main.orm_model WHERE name IS NOT NULL ORDER BY rowid");
  while( ormFactStep(p->pOrm, pErr, pStmt) ){
    const char *z = ormFactText(&p->arena, pStmt, 0);
    const char **pz = ormArenaGrow(&p->arena, (void**)&p->azName, p->nName,
                                   &nAlloc, sizeof(char*));
    if( z==0 || pz==0 ) break;
    *pz = z;
    p->nName++;
  }
  sqlite3_finalize(pStmt);
  p->arena.pErr = &p->err;
}

/* A catalog that has read no more than the names; 0 and an error. */
static OrmCatalog *catalogNew(Orm *pOrm, OrmErr *pErr){
  OrmCatalog *p = sqlite3_malloc64(sizeof(*p));
  if( p==0 ){
    ormErrOom(pErr);
    return 0;
  }
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->nRef = 1;
  ormArenaInit(&p->arena, &p->err);
  catalogNames(p, pErr);
  if( pErr->rc ){
    ormCatalogUnref(p);
    return 0;
  }
  return p;
}

/* The arena of a catalog, with errors going to pErr; the caller puts *ppOld
** back when it is done. */
OrmArena *ormCatalogArena(OrmCatalog *p, OrmErr *pErr, OrmErr **ppOld){
  *ppOld = p->arena.pErr;
  p->arena.pErr = pErr;
  return &p->arena;
}

/* ------------------------------------------------------------------------
** Pins
*/

/* Is nothing of ours uncommitted? */
static int isClean(Orm *pOrm){
  return sqlite3_txn_state(pOrm->db, "main")!=SQLITE_TXN_WRITE
      || sqlite3_total_changes(pOrm->db)==pOrm->nClean;
}

/* An error of the token statements: a file without our tables says so. */
static void tokenError(Orm *pOrm, OrmErr *pErr, int rc){
  if( (rc & 0xff)==SQLITE_ERROR ){
    ormErr(pErr, SQLITE_ERROR, "%s", zNoModels);
  }else{
    ormErrDb(pErr, pOrm->db, rc);
  }
}

/* The tables that the metadata stands in must be tables. */
static void tokenTables(Orm *pOrm, OrmErr *pErr){
  static const char *const azTable[] = {
    "orm_state", "orm_model", "orm_field", "orm_relationship"
  };
  for(int i=0; i<ORM_COUNT(azTable) && pErr->rc==SQLITE_OK; i++){
    int eKind = ormFactKind(pOrm, pErr, azTable[i]);
    if( pErr->rc || eKind==ORM_KIND_TABLE ) continue;
    if( eKind==ORM_KIND_NONE ){
      ormErr(pErr, SQLITE_ERROR, "%s", zNoModels);
    }else{
      ormErr(pErr, SQLITE_ERROR, "orm: %s is no table in this file: its"
             " metadata cannot be trusted", azTable[i]);
    }
  }
}

/* Prepare both token statements. */
static void tokenOpen(Orm *pOrm, OrmErr *pErr){
  static const char zSql[] = "SELECT token FROM main.orm_state WHERE id=1";
  ormContextOnDrop(pOrm, pErr, ormCatalogClose);
  for(int i=0; i<2 && pErr->rc==SQLITE_OK; i++){
    int rc = sqlite3_prepare_v3(pOrm->db, zSql, sizeof(zSql),
        SQLITE_PREPARE_PERSISTENT | SQLITE_PREPARE_NO_VTAB,
        &pOrm->apToken[i], 0);
    if( rc!=SQLITE_OK ) tokenError(pOrm, pErr, rc);
  }
  tokenTables(pOrm, pErr);
  if( pErr->rc ) tokenClose(pOrm);
  ormCatalogDrop(pOrm);
}

/* Step token statement i and drop the catalog if the file has moved on.  The
** statement stays on its row.  *piToken; 0 if there is no row. */
static int tokenRead(Orm *pOrm, OrmErr *pErr, int i, i64 *piToken){
  sqlite3_stmt *p = pOrm->apToken[i];
  int rc = sqlite3_step(p);
  int nReprepare = sqlite3_stmt_status(p, SQLITE_STMTSTATUS_REPREPARE, 0);
  *piToken = 0;
  if( rc==SQLITE_ROW ){
    *piToken = sqlite3_column_int64(p, 0);
  }else if( rc!=SQLITE_DONE ){
    tokenError(pOrm, pErr, rc);
    sqlite3_reset(p);
  }
  if( nReprepare!=pOrm->aReprepare[i] ){
    pOrm->aReprepare[i] = nReprepare;
    ormCatalogDrop(pOrm);
    if( pErr->rc==SQLITE_OK ) tokenTables(pOrm, pErr);
    if( pErr->rc ) sqlite3_reset(p);
  }
  return rc==SQLITE_ROW;
}

static u32 dataVersion(Orm *pOrm){
  u32 i = 0;
  sqlite3_file_control(pOrm->db, 0, SQLITE_FCNTL_DATA_VERSION, &i);
  return i;
}

/* A transaction of BEGIN in which nothing was written has one snapshot. */
static int isReading(Orm *pOrm){
  return !sqlite3_get_autocommit(pOrm->db)
      && sqlite3_txn_state(pOrm->db, "main")==SQLITE_TXN_READ;
}

OrmCatalog *ormCatalogPin(Orm *pOrm, OrmErr *pErr){
  int i = pOrm->nPin>0;
  int bRow;
  i64 iToken;
  OrmCatalog *p;
  if( pErr->rc ) return 0;
  if( pOrm->apToken[0]==0 ) tokenOpen(pOrm, pErr);
  if( pErr->rc ) return 0;
  bRow = tokenRead(pOrm, pErr, i, &iToken);
  if( pErr->rc ){
    if( pOrm->nPin==0 ) ormCatalogClose(pOrm);
    return 0;
  }
  p = pOrm->pCatalog;
  if( p && (p->bStale || !bRow || p->iToken!=iToken) ){
    ormCatalogDrop(pOrm);
    p = 0;
  }
  if( p==0 ){
    p = pOrm->pCatalog = catalogNew(pOrm, pErr);
    if( p ) p->bSettled = (u8)isClean(pOrm);
  }
  if( p==0 || i>0 ) sqlite3_reset(pOrm->apToken[i]);
  if( p==0 ) return 0;
  p->iToken = iToken;
  p->bStale = !bRow;
  p->bRead = bRow && isReading(pOrm);
  if( p->bRead ) p->iRead = dataVersion(pOrm);
  pOrm->bOnToken |= (u8)(i==0);
  pOrm->nPin++;
  return ormCatalogRef(p);
}

/*
** In a transaction that reads, what held holds as long as the data version
** stays: others cannot change the snapshot, and what we write and commit, or
** others before a new snapshot, moves the version.  Nor need the token's
** statement keep the snapshot as long as the transaction does.
*/
OrmCatalog *ormCatalogPinCall(Orm *pOrm, OrmErr *pErr){
  OrmCatalog *p = pOrm->pCatalog;
  if( p==0 || !p->bRead || !isReading(pOrm) || dataVersion(pOrm)!=p->iRead ){
    return ormCatalogPin(pOrm, pErr);
  }
  pOrm->nPin++;
  return ormCatalogRef(p);
}

void ormCatalogUnpin(Orm *pOrm, OrmCatalog *p){
  if( p==0 ) return;
  assert( pOrm->nPin>0 );
  if( --pOrm->nPin==0 && pOrm->bOnToken ){
    sqlite3_reset(pOrm->apToken[0]);
    pOrm->bOnToken = 0;
  }
  ormCatalogUnref(p);
}

/* ------------------------------------------------------------------------
** Without a pin
**
** What the token is now need not be read if nothing was written since it was
** seen: not by others (the data version), not by us (the total changes, and the
** data version again).  Only a rollback counts as no change.  It leads back to
** the state of some earlier moment of the transaction; but a token that was
** committed once is the transaction's first, and nothing that comes after it in
** the chain of tokens leads to it again.  So the catalog of such a token is
** settled: while it holds, it holds after a rollback too.
**
** Whether the schema moved is for the caller's statement to tell: prepared
** under a pin, it is prepared anew when it has, and the catalog dropped.
*/
OrmCatalog *ormCatalogPeek(Orm *pOrm){
  OrmCatalog *p = pOrm->pCatalog;
  if( p==0 || p->bStale ) return 0;
  p->bClean = p->bSettled || isClean(pOrm);
  return ormCatalogRef(p);
}

int ormCatalogHolds(Orm *pOrm, OrmErr *pErr, OrmCatalog *p){
  sqlite3_stmt *pStmt = pOrm->apToken[1];
  u32 iVersion = dataVersion(pOrm);
  i64 iToken = 0;
  int rc;
  if( p->bSeen && p->iVersion==iVersion
   && p->nChange==sqlite3_total_changes(pOrm->db) ) return 1;
  p->bSeen = 0;
  p->iVersion = iVersion;
  rc = sqlite3_step(pStmt);
  if( rc==SQLITE_ROW ) iToken = sqlite3_column_int64(pStmt, 0);
  else if( rc!=SQLITE_DONE ) ormErrDb(pErr, pOrm->db, rc);
  sqlite3_reset(pStmt);
  /* The caller's statement knows that the schema is the catalog's.           */
  pOrm->aReprepare[1] = sqlite3_stmt_status(pStmt,
                                            SQLITE_STMTSTATUS_REPREPARE, 0);
  return rc==SQLITE_ROW && iToken==p->iToken;
}

void ormCatalogSeen(Orm *pOrm, OrmCatalog *p){
  p->bSettled |= p->bClean;
  p->nChange = sqlite3_total_changes(pOrm->db);
  /* Else it is still as ormCatalogHolds() found it: nobody has committed.    */
  if( sqlite3_get_autocommit(pOrm->db) ) p->iVersion = dataVersion(pOrm);
  p->bSeen = p->bSettled;
}

/* ------------------------------------------------------------------------
** Names
*/

int ormCatalogCount(OrmCatalog *p){
  return p->nName;
}

const char *ormCatalogName(OrmCatalog *p, int i){
  return p->azName[i];
}

static const char *catalogNameAt(const void *pArg, int i){
  const OrmCatalog *p = (const OrmCatalog*)pArg;
  return i<p->nName ? p->azName[i] : 0;
}

/* ------------------------------------------------------------------------
** Models by name and by table
*/
static u32 nameHash(const char *z, i64 n){
  u32 h = 2166136261u;
  for(i64 i=0; i<n; i++) h = (h ^ (u8)z[i]) * 16777619u;
  return h % N_BUCKET;
}

static void noSuchModel(
  OrmErr *pErr, OrmCatalog *p, const char *zName, int n
){
  const char *zNear;
  if( ormCatalogCount(p)==0 ){
    ormErr(pErr, SQLITE_ERROR, "orm: no such model %.*s: this file has no"
           " models yet (orm_define() or orm_reflect() make them)", n, zName);
    return;
  }
  zNear = ormNearest(zName, n, catalogNameAt, p);
  if( zNear ){
    ormErr(pErr, SQLITE_ERROR, "orm: no such model %.*s (did you mean %s?)",
           n, zName, zNear);
  }else{
    ormErr(pErr, SQLITE_ERROR, "orm: no such model %.*s", n, zName);
  }
}

OrmModel *ormModelLoaded(OrmCatalog *p, const char *zName, i64 n){
  OrmModel *pModel = p->apBucket[nameHash(zName, n)];
  while( pModel && !ormNameIs(pModel->zName, zName, n) ){
    pModel = pModel->pNextHash;
  }
  return pModel;
}

OrmModel *ormModelFind(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *p, const char *zName, i64 n
){
  OrmErr *pOld = p->arena.pErr;
  OrmModel *pModel;
  if( pErr->rc ) return 0;
  if( n<0 ) n = (i64)strlen(zName);
  pModel = ormModelLoaded(p, zName, n);
  if( pModel ) return pModel;
  p->arena.pErr = pErr;
  pModel = ormModelLoad(pOrm, p, &p->arena, zName, n);
  p->arena.pErr = pOld;
  if( pModel ){
    OrmModel **pp = &p->apBucket[nameHash(zName, n)];
    pModel->pNextHash = *pp;
    *pp = pModel;
  }else if( pErr->rc==SQLITE_OK ){
    noSuchModel(pErr, p, zName, (int)n);
  }
  return pModel;
}

/* The first model declared over a table; 0 without an error if none is. */
OrmModel *ormModelByTable(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *p, const char *zTable
){
  const OrmLead *pLead = ormModelsOver(pOrm, pErr, p, zTable);
  return pLead ? ormModelFind(pOrm, pErr, p, pLead->zModel, -1) : 0;
}

/* ------------------------------------------------------------------------
** Looking things up in a model
*/
int ormFieldFind(const OrmModel *pModel, const char *zName, i64 n){
  if( n<0 ) n = (i64)strlen(zName);
  for(int i=0; i<pModel->nField; i++){
    if( ormNameIs(pModel->aField[i].zName, zName, n) ) return i;
  }
  return -1;
}

static int inList(int i, int n, const int *a){
  for(int j=0; j<n; j++) if( a[j]==i ) return 1;
  return 0;
}

int ormModelIndexed(const OrmModel *pModel, int n, const int *aField){
  for(int i=0; i<pModel->nIndex; i++){
    const OrmIndex *p = &pModel->aIndex[i];
    int nHit = 0;
    if( p->bPartial || p->n<n ) continue;
    while( nHit<n && inList(p->aField[nHit], n, aField) ) nHit++;
    if( nHit==n ) return 1;
  }
  return 0;
}

/* The names of a model that a query may say: fields not hidden, then
** relationships. */
static const char *modelNameAt(const void *pArg, int i){
  const OrmModel *p = (const OrmModel*)pArg;
  for(int j=0; j<p->nField; j++){
    if( p->aField[j].bHidden ) continue;
    if( i--==0 ) return p->aField[j].zName;
  }
  return i<p->nRel ? p->apRel[i]->zName : 0;
}

/* The nearest name of a model to one that it does not have, or 0. */
const char *ormModelNearest(const OrmModel *pModel, const char *z, i64 n){
  return ormNearest(z, n, modelNameAt, pModel);
}

void ormNoSuchName(
  OrmErr *pErr, const OrmModel *pModel, const OrmJson *pNode, const char *zWhat
){
  const char *zNear = ormModelNearest(pModel, pNode->zKey, pNode->nKey);
  ormJsonErr(pErr, pNode, "no such %s %.*s on %s%s%s%s", zWhat, pNode->nKey,
      pNode->zKey, pModel->zName, zNear ? " (did you mean " : "",
      zNear ? zNear : "", zNear ? "?)" : "");
}

OrmReverse **ormCatalogReverse(OrmCatalog *p, int i){
  return &p->apReverse[i];
}
