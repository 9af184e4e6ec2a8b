/*
** Writes that somebody asked for: a document of one object or of many, created,
** saved (merged) or applied to an object that is there.
**
** All of it, the reading of the catalog and the object given back too, happens
** inside one anchor: so a busy file is waited for before anything was read,
** and whatever fails leaves no trace.
*/
#include "unit.h"
#include <stddef.h>

typedef struct Save Save;
struct Save {                   /* one call on its way                        */
  OrmWrite *p;
  Orm *pOrm;
  OrmErr *pErr;
  OrmArena arena;
  OrmCatalog *pCatalog;
  OrmModel *pModel;
  OrmJson *pDoc;
  OrmBinds binds;
  u8 bNoPatch;                  /* ormPatch() is no help                      */
  const char *zQuery; i64 nQuery;            /* update_many                   */
  char aSpace[1000];            /* the arena's first                          */
};

/* ------------------------------------------------------------------------
** Arguments
** --------------------------------------------------------------------- */

/* Objects that are all new: 1 if they are written. */
static int saveBulk(Save *s){
  OrmWrite *p = s->p;
  int bSave = p->eMode==ORM_WRITE_SAVE;
  i64 n, iRowid;
  if( s->pErr->rc || p->eMany==ORM_WRITE_ONE || p->pKey
   || (p->eMode!=ORM_WRITE_CREATE && !bSave) ) return 0;
  assert( p->pOut==0 );
  n = ormBulk(s->pOrm, s->pErr, s->pModel, bSave, p->zObject, p->nObject);
  iRowid = sqlite3_last_insert_rowid(s->pOrm->db);
  if( n<0 && s->pErr->rc==SQLITE_OK ){
    n = ormTree(s->pOrm, s->pErr, s->pModel, bSave, p->zObject, p->nObject,
                &iRowid);
  }
  if( n<0 ) return 0;
  p->nRoot = p->iCreated = n;
  p->bRowid = s->pModel->bRowidKey;
  p->iRowid = iRowid;
  return 1;
}

static int saveBegin(Save *s){
  OrmWrite *p = s->p;
  ormArenaInit(&s->arena, s->pErr);
  ormArenaLend(&s->arena, s->aSpace, (i64)sizeof(s->aSpace));
  s->binds.pArena = &s->arena;
  s->pCatalog = ormCatalogPin(s->pOrm, s->pErr);
  if( s->pCatalog==0 ) return 0;
  s->pModel = ormModelFind(s->pOrm, s->pErr, s->pCatalog, p->zModel, p->nModel);
  if( s->pModel && s->pModel->bView ){
    ormErr(s->pErr, SQLITE_READONLY, "orm: %s is a view and cannot be written",
           s->pModel->zName);
  }
  if( saveBulk(s) ) return 0;
  if( s->pErr->rc==SQLITE_OK ){
    s->pDoc = ormJsonParse(&s->arena, p->zObject, p->nObject, "object");
  }
  return s->pDoc!=0;
}

static void saveEnd(Save *s){
  ormArenaFree(&s->arena);
  ormCatalogUnpin(s->pOrm, s->pCatalog);
}

/* Is it an object or an array as asked for? */
static int checkDocument(Save *s){
  int bArray = s->pDoc->eType==ORM_JSON_ARRAY;
  if( s->p->eMany==ORM_WRITE_MANY ? !bArray
    : s->pDoc->eType!=ORM_JSON_OBJECT && !(s->p->eMany && bArray) ){
    ormJsonErr(s->pErr, s->pDoc, "%s of %s%s is needed, not %s",
        s->p->eMany==ORM_WRITE_MANY ? "an array" : "an object",
        s->pModel->zName, s->p->eMany==ORM_WRITE_MANY ? " objects" : "",
        ormJsonTypeName(s->pDoc));
    return 0;
  }
  if( bArray && s->p->pKey ){
    ormErr(s->pErr, SQLITE_ERROR, "orm: a key goes with one object, not with an"
           " array");
    return 0;
  }
  return 1;
}

/* ------------------------------------------------------------------------
** Keys given beside the document
** --------------------------------------------------------------------- */

/* The key of the object to change: 0 if there is none. */
static const struct OrmBind *findKey(Save *s){
  OrmKeyRef key;
  struct OrmBind *a;
  int iFirst;
  if( s->p->aKey ) return s->p->aKey;
  if( !ormKeyParse(s->pOrm, &key, &s->binds, s->pModel, s->p->pKey) ) return 0;
  iFirst = key.iBind;
  if( key.pUnique ){
    iFirst = ormKeyFind(s->pOrm, &s->binds, s->pModel, s->p->pKey);
    if( iFirst<0 ) return 0;
  }
  a = &s->binds.a[iFirst];
  for(int i=0; i<s->pModel->nKey; i++){
    ormValAffinity(&s->arena, &a[i],
                    s->pModel->aField[s->pModel->aKey[i]].cAff);
    if( a[i].eType==SQLITE_NULL ) return 0;
  }
  return a;
}

/* A key given to a new object: the same as in the document, if it is there. */
static void giveKey(Save *s, Unit *pUnit, UnitRow *pRow){
  OrmKeyRef key;
  if( !ormKeyParse(s->pOrm, &key, &s->binds, s->pModel, s->p->pKey) ) return;
  for(int i=0; i<key.n; i++){
    int iField = key.aField[i];
    const OrmField *pField = &s->pModel->aField[iField];
    struct OrmBind v = s->binds.a[key.iBind+i];
    UnitVal *pVal = ormUnitVal(pUnit, pRow, iField);
    if( pVal==0 ) return;
    ormValAffinity(&s->arena, &v, pField->cAff);
    if( pVal->eKind!=UNIT_NONE && !(pVal->eKind==UNIT_BIND
        && ormValueSame(&s->arena, pField, &pVal->v, &v)) ){
      ormUnitErr(pUnit, SQLITE_ERROR, pVal->pNode, "%s is another than the key"
                 " that is given", pField->zName);
    }
    pVal->eKind = UNIT_BIND;
    pVal->v = v;
  }
}

/* Values that no document can hold: blobs in any field, texts as they are. */
static void giveRaw(Save *s, Unit *pUnit, UnitRow *pRow){
  for(int i=0; i<s->p->nRaw; i++){
    int iField = s->p->aRaw[i];
    UnitVal *pVal = ormUnitVal(pUnit, pRow, iField);
    if( pVal==0 || pVal->bRel ) continue;
    pVal->eKind = UNIT_BIND;
    ormUnitTake(&s->arena, &pVal->v, s->p->apRaw[i]);
    pRow->pModel->abNeed[iField] = 1;
  }
}

/* ------------------------------------------------------------------------
** Results
** --------------------------------------------------------------------- */

static void takeObject(void *pArg, int i, const char *z, i64 n){
  ORM_UNUSED(i);
  ormBufAdd((OrmBuf*)pArg, z, n);
}

/* The object as it is stored now. */
static void readBack(Save *s, Unit *pUnit, const UnitRow *pRow){
  OrmBuf query;
  OrmPlan *pPlan;
  OrmKeys keys;
  struct OrmBind a[ORM_MAX_KEY];
  const char *zQuery = s->p->zQuery;
  i64 nQuery = s->p->nQuery;
  memset(&keys, 0, sizeof(keys));
  keys.nCol = s->pModel->nKey;
  keys.nKey = 1;
  keys.aBind = a;
  for(int i=0; i<keys.nCol; i++){
    int bKnown = ormUnitKnown(pRow, s->pModel->aKey[i], &a[i]);
    if( ORM_NEVER(!bKnown) ) return;
  }
  ormBufInit(&query, s->pErr);
  if( zQuery==0 ){
    ormWrittenInclude(pUnit, s->pModel, s->pDoc, &query);
    zQuery = query.n ? ormBufText(&query) : 0;
    nQuery = query.n;
  }
  pPlan = ormPlanGet(s->pOrm, s->pErr, s->pModel, zQuery, nQuery, ORM_Q_SHAPE);
  if( pPlan ){
    ormLoadEach(s->pOrm, s->pErr, pPlan, &keys, takeObject, s->p->pOut);
  }
  ormPlanRelease(s->pOrm, pPlan);
  ormBufFree(&query);
  if( s->pErr->rc ) return;
  if( s->p->eMode==ORM_WRITE_SAVE && s->p->pOut->n>1 ){
    s->p->pOut->n--;
    ormBufPrintf(s->p->pOut, "%s\"_created\":%s}",
                 s->p->pOut->n>1 ? "," : "", s->p->bCreated ? "true" : "false");
  }
  ormBufText(s->p->pOut);       /* nothing is left to fail when it is written */
}

/* What became of a root. */
static void rootDone(Save *s, const UnitRow *pRow){
  struct OrmBind v = { SQLITE_NULL, 0, 0, { 0 } };
  pRow = ormUnitSame((UnitRow*)pRow);
  if( pRow->eState==UNIT_GONE ) return;
  s->p->nRoot++;
  s->p->bCreated = pRow->eState==UNIT_NEW;
  s->p->iCreated += s->p->bCreated;
  s->p->bRowid = 0;
  if( s->pModel->nKey==1 ) ormUnitKnown(pRow, s->pModel->aKey[0], &v);
  if( v.eType==SQLITE_INTEGER ){
    s->p->bRowid = 1;
    s->p->iRowid = v.u.i;
  }
}

/* ------------------------------------------------------------------------
** Jobs
** --------------------------------------------------------------------- */

/* One unit over the roots from pNode on: one (bOne) or all that follow. */
static void saveUnit(Save *s, const OrmJson *pNode, int bOne, int *pbConflict){
  Unit unit;
  UnitRow *pFirst = 0;
  const struct OrmBind *aFind = 0;
  if( s->p->eMode==ORM_WRITE_UPDATE ){
    aFind = findKey(s);
    if( aFind==0 ) return;
  }
  ormUnitInit(&unit, s->pOrm, s->pErr, &s->arena, s->pCatalog, s->p->eMode);
  for(; pNode && s->pErr->rc==SQLITE_OK; pNode = bOne ? 0 : pNode->pNext){
    UnitRow *pRow = ormGraphRoot(&unit, s->pModel, pNode);
    if( pFirst==0 ) pFirst = pRow;
    if( pRow ) pRow->aFind = aFind;
  }
  ormGraphRead(&unit, pFirst);
  if( pFirst && s->p->nRaw ) giveRaw(s, &unit, pFirst);
  if( pFirst && s->p->pKey && aFind==0 ) giveKey(s, &unit, pFirst);
  ormUnitRun(&unit);
  if( pbConflict ) *pbConflict = unit.bConflict;
  else s->p->bConflict = unit.bConflict;
  for(UnitRow *pRow=pFirst; pRow && s->pErr->rc==SQLITE_OK; pRow=pRow->pNext){
    if( pRow->bRoot ) rootDone(s, pRow);
  }
  if( s->p->pOut && pFirst && s->pErr->rc==SQLITE_OK ){
    pFirst = ormUnitSame(pFirst);
    if( pFirst->eState!=UNIT_GONE && !pFirst->bOrphan ){
      readBack(s, &unit, pFirst);
    }
  }
  ormUnitFree(&unit);
}

typedef struct IgnoreJob IgnoreJob;
struct IgnoreJob { Save *s; const OrmJson *pNode; int bConflict; };

static void ignoreJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  IgnoreJob *p = (IgnoreJob*)pArg;
  ORM_UNUSED(pOrm);
  ORM_UNUSED(pErr);
  saveUnit(p->s, p->pNode, 1, &p->bConflict);
}

/* OR IGNORE: each root by itself; a root whose key is taken is passed over,
** whole. */
static void saveIgnore(Save *s, const OrmJson *pNode, int bOne){
  for(; pNode && s->pErr->rc==SQLITE_OK; pNode = bOne ? 0 : pNode->pNext){
    IgnoreJob job = { s, pNode, 0 };
    ormAnchorRun(s->pOrm, s->pErr, ignoreJob, &job);
    if( job.bConflict && (s->pErr->rc & 0xff)==SQLITE_CONSTRAINT ){
      ormErrClear(s->pErr);
      s->p->nPassed++;
    }
  }
}

/* Try the short way for a patch: 1 if that was all. */
static int savePatch(Save *s, OrmModel *pModel){
  const OrmWrite *p = s->p;
  if( p->eMode!=ORM_WRITE_UPDATE || p->nRaw || p->zQuery || s->bNoPatch ){
    return 0;
  }
  assert( p->pKey || p->aKey );
  return ormPatch(s->pOrm, s->pErr, pModel, s->p, &s->bNoPatch);
}

static void saveJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Save *s = (Save*)pArg;
  i64 iRowid = sqlite3_last_insert_rowid(pOrm->db);
  ORM_UNUSED(pErr);
  if( saveBegin(s) && checkDocument(s) && !savePatch(s, s->pModel) ){
    int bArray = s->pDoc->eType==ORM_JSON_ARRAY;
    const OrmJson *pNode = bArray ? s->pDoc->pChild : s->pDoc;
    if( s->p->eMode==ORM_WRITE_IGNORE ) saveIgnore(s, pNode, !bArray);
    else if( pNode ) saveUnit(s, pNode, !bArray, 0);
  }
  saveEnd(s);
  if( s->p->iCreated && s->p->bRowid ) iRowid = s->p->iRowid;
  sqlite3_set_last_insert_rowid(pOrm->db, iRowid);
}

void ormWrite(Orm *pOrm, OrmErr *pErr, OrmWrite *p){
  Save save;
  memset(&save, 0, offsetof(Save, aSpace));
  save.p = p;
  save.pOrm = pOrm;
  save.pErr = pErr;
  p->nRoot = p->iCreated = p->nPassed = 0;
  p->bConflict = 0;
  p->bCreated = p->bRowid = 0;
  if( pErr->rc || savePatch(&save, 0) || pErr->rc ) return;
  if( p->eMode==ORM_WRITE_UPDATE
   && sqlite3_txn_state(pOrm->db, "main")==SQLITE_TXN_WRITE ){
    /* The file is locked, and a patch is one statement: no anchor.           */
    int bDone = saveBegin(&save) && checkDocument(&save)
             && savePatch(&save, save.pModel);
    saveEnd(&save);
    if( bDone || pErr->rc ) return;
    save.bNoPatch = 1;
    save.pDoc = 0;
  }
  ormAnchorRun(pOrm, pErr, saveJob, &save);
}

/* ------------------------------------------------------------------------
** orm_update_many
** --------------------------------------------------------------------- */

/* The same changes to all objects that the query finds, as one unit. */
static void updateUnit(Save *s, Unit *pUnit, OrmPlan *pPlan){
  UnitRow *pFirst = 0, *pRow;
  OrmBinds keys = { &s->arena, 0, 0, 0 };
  s->p->nRoot = ormLoadRootKeys(s->pOrm, s->pErr, pPlan, &keys);
  ormKeysNotNull(s->pErr, s->pModel, s->p->nRoot, keys.a);
  for(i64 i=0; i<s->p->nRoot && s->pErr->rc==SQLITE_OK; i++){
    pRow = ormGraphRoot(pUnit, s->pModel, s->pDoc);
    if( pRow ) pRow->aFind = &keys.a[i*s->pModel->nKey];
    if( pFirst==0 ) pFirst = pRow;
  }
  if( pFirst ){
    ormGraphRead(pUnit, pFirst);
    ormUnitRun(pUnit);
    return;
  }
  /* Nobody: the changes are checked all the same. */
  pRow = ormGraphRoot(pUnit, s->pModel, s->pDoc);
  ormGraphRead(pUnit, pRow);
  for(; pRow; pRow=pRow->pNext) ormResolveTypes(pUnit, pRow);
  ormUnitReport(pUnit);
}

static void updateAll(Save *s){
  Unit unit;
  OrmPlan *pPlan = ormPlanGet(s->pOrm, s->pErr, s->pModel, s->zQuery, s->nQuery,
                              ORM_Q_WHERE);
  if( pPlan==0 ) return;
  ormUnitInit(&unit, s->pOrm, s->pErr, &s->arena, s->pCatalog,
              ORM_WRITE_UPDATE);
  s->p->nRoot = ormUpdateFast(&unit, s->pModel, pPlan, s->pDoc);
  if( s->p->nRoot<0 && s->pErr->rc==SQLITE_OK ) updateUnit(s, &unit, pPlan);
  ormPlanRelease(s->pOrm, pPlan);
  ormUnitFree(&unit);
}

static void updateManyJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Save *s = (Save*)pArg;
  i64 iRowid = sqlite3_last_insert_rowid(pOrm->db);
  ORM_UNUSED(pErr);
  if( saveBegin(s) && checkDocument(s) ) updateAll(s);
  saveEnd(s);
  sqlite3_set_last_insert_rowid(pOrm->db, iRowid);
}

i64 ormUpdateMany(
  Orm *pOrm, OrmErr *pErr, const char *zModel, i64 nModel, const char *zQuery,
  i64 nQuery, const char *zChanges, i64 nChanges
){
  OrmWrite write;
  Save save;
  memset(&write, 0, sizeof(write));
  memset(&save, 0, offsetof(Save, aSpace));
  write.zModel = zModel;
  write.nModel = nModel;
  write.zObject = zChanges;
  write.nObject = nChanges;
  write.eMode = ORM_WRITE_UPDATE;
  save.p = &write;
  save.pOrm = pOrm;
  save.pErr = pErr;
  save.zQuery = zQuery;
  save.nQuery = nQuery;
  ormAnchorRun(pOrm, pErr, updateManyJob, &save);
  return pErr->rc ? 0 : write.nRoot;
}
