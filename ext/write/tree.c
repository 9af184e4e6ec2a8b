/*
** Many nested objects that are all new, from one array: a root is read, written
** with all that hangs on it, and forgotten, so memory does not grow with the
** document.
**
** This is a short cut like bulk.c, which is tried first.  It knows plain
** fields, to-many relationships of new objects, and objects that are told by
** nothing but a natural key, which are found or made (tags by name).  Where
** objects are saved, a root with a natural key is looked for too, and must not
** be there.
**
** The document is gone through twice: whether all of it is for us is known
** before the first row is written, since rows that are undone stay counted by
** total_changes().  What can fail then is what fails in the unit of work too,
** which does it again, from the start, to say what went wrong.
**
** Always true: a table is reached by one path only, has no triggers, and its
** rows refer to no other table of the document but by the relationship that
** they hang by.  So the rows of each table come in the order in which the unit
** of work would write them, and nobody can tell that the tables take turns.
** Link rows come last of all, as they do there, or at times when many have
** gathered (links.c).
*/
#include "unit.h"

#define MAX_LEVEL 8
#define MAX_FIELD 64
#define BIT(i) (((u64)1)<<(i))

typedef struct Known Known;
struct Known {                  /* a natural key                              */
  Known *pNext;
  struct OrmBind v;
  i64 id;                       /* rowid of the object, if it is there        */
  u8 bThere;
  u8 bAlone;                    /* the document gives nothing but the key     */
};
typedef struct Level Level;
struct Level {                  /* a model, and how it is reached             */
  OrmModel *pModel;
  const OrmRel *pRel;           /* 0: root                                    */
  int iUp;                      /* the level above                            */
  u8 bTold;                     /* by its natural key, if it has one          */
  OrmStmt *pInsert, *pFind;
  OrmLinks links;               /* of a many-to-many                          */
  u64 mInsert;                  /* fields of pInsert                          */
  u64 mGiven;                   /* fields that the document gives             */
  u64 mAuto;
  Known **apHash; int nHash, nKnown;
};
typedef struct Tree Tree;
struct Tree {
  Unit unit;                    /* for ormUnitValue(): pArena is the root's   */
  OrmErr err;                   /*   and complaints go nowhere                */
  Orm *pOrm;
  OrmErr *pErr;                 /* of the statements                          */
  OrmArena arena, keep;         /* of one root; of all                        */
  const char *zStart, *z, *zEnd;
  u8 bSave;                     /* roots may be there                         */
  u8 bWrite;                    /* the second time through                    */
  u8 bAbandon;
  int nLevel;
  Level aLevel[MAX_LEVEL];
  i64 nRow, iRowid;
};

static int failed(const Tree *p){
  return p->bAbandon || p->pErr->rc || p->err.rc;
}

/* ------------------------------------------------------------------------
** Levels
** --------------------------------------------------------------------- */

/* Does the document reach a table already? */
static int isReached(const Tree *p, const char *zTable){
  for(int i=0; i<p->nLevel; i++){
    const OrmRel *pRel = p->aLevel[i].pRel;
    if( sqlite3_stricmp(p->aLevel[i].pModel->zTable, zTable)==0 ) return 1;
    if( pRel && pRel->zSecondary
     && sqlite3_stricmp(pRel->zSecondary, zTable)==0 ) return 1;
  }
  return 0;
}

static int modelFits(const Tree *p, OrmModel *pModel){
  if( !p->unit.bForeignKeys && ormCheckDefaults(pModel) ) return 0;
  if( !pModel->bRowidKey || pModel->nField>MAX_FIELD
   || pModel->iSoftDelete>=0 || isReached(p, pModel->zTable) ) return 0;
  return ormTableQuiet(p->pOrm, p->pErr, pModel->zTable, &pModel->eQuiet);
}

/* Link rows, or references, from the one to the other's rowid.  (That it has
** one is modelFits()'s matter.) */
static int relFits(const Tree *p, OrmRel *pRel){
  const OrmModel *pTo = pRel->pTarget;
  int mWord = ORM_CASCADE_SAVE_UPDATE | ORM_CASCADE_MERGE;
  if( !pRel->bMany || pRel->bSingleParent
   || (pRel->mCascade & mWord)!=mWord || pRel->nLocal!=1 || pRel->nRemote!=1
   || pRel->aLocal[0]!=pRel->pModel->aKey[0] ) return 0;
  if( pRel->zSecondary==0 ){
    return pTo->nNatural<=1 && pRel->aRemote[0]!=pTo->aKey[0];
  }
  return pTo->nNatural<=1 && pRel->aRemote[0]==pTo->aKey[0]
      && !isReached(p, pRel->zSecondary)
      && sqlite3_stricmp(pRel->zSecondary, pTo->zTable)!=0
      && ormTableQuiet(p->pOrm, p->pErr, pRel->zSecondary, &pRel->eQuiet);
}

/* The level that a relationship leads to, or -1: not for us. */
static int levelFor(Tree *p, int iUp, OrmRel *pRel, OrmModel *pModel){
  Level *pNew;
  for(int i=1; i<p->nLevel; i++){
    if( p->aLevel[i].pRel!=pRel ) continue;
    assert( p->aLevel[i].iUp==iUp );
    return i;
  }
  assert( !p->bWrite );
  if( p->nLevel==MAX_LEVEL || (pRel && !relFits(p, pRel))
   || (p->bSave && pModel->nNatural>1) || !modelFits(p, pModel) ) return -1;
  pNew = &p->aLevel[p->nLevel];
  memset(pNew, 0, sizeof(*pNew));
  pNew->pModel = pModel;
  pNew->pRel = pRel;
  pNew->iUp = iUp;
  pNew->links.pOrm = p->pOrm;
  pNew->links.pErr = p->pErr;
  pNew->links.pRel = pRel;
  pNew->bTold = pModel->nNatural==1 && (pRel || p->bSave);
  for(int i=0; i<pModel->nField; i++){
    if( pModel->aField[i].eAuto ) pNew->mAuto |= BIT(i);
  }
  return p->nLevel++;
}

/* A foreign key that the rows of a level give: is it the one that they hang
** by, or does it lead out of the document? */
static int fkFits(const Tree *p, const Level *pLevel, const OrmFk *pFk){
  u64 mFk = 0;
  for(int i=0; i<pFk->n; i++) mFk |= BIT(pFk->aField[i]);
  if( !(mFk & pLevel->mGiven) ) return 1;
  for(int i=0; i<p->nLevel; i++){
    const OrmRel *pRel = pLevel->pRel;
    const char *zTable = p->aLevel[i].pModel->zTable;
    if( sqlite3_stricmp(zTable, pFk->zTarget)!=0 ) continue;
    if( pRel==0 || pRel->zSecondary || pLevel->iUp!=i || pFk->n!=1
     || pFk->aField[0]!=pRel->aRemote[0] ) return 0;
  }
  return 1;
}

static int allFits(const Tree *p){
  for(int i=0; i<p->nLevel; i++){
    const OrmModel *pModel = p->aLevel[i].pModel;
    for(int j=0; j<pModel->nFk; j++){
      if( !fkFits(p, &p->aLevel[i], &pModel->aFk[j]) ) return 0;
    }
  }
  return 1;
}

/* ------------------------------------------------------------------------
** Objects told by a natural key
** --------------------------------------------------------------------- */

/* The field that tells the objects of a level, or 0: all are new. */
static const OrmField *naturalField(const Level *p){
  if( !p->bTold ) return 0;
  return &p->pModel->aField[p->pModel->aNatural[0]];
}

/* Its value in an object, or 0. */
static const struct OrmBind *naturalValue(
  const Level *p, u64 mField, const struct OrmBind *aVal
){
  int i = naturalField(p) ? p->pModel->aNatural[0] : -1;
  if( i<0 || !(mField & BIT(i)) || aVal[i].eType==SQLITE_NULL ) return 0;
  return &aVal[i];
}

static Known **knownAt(const Level *p, const struct OrmBind *pVal){
  const OrmField *pField = naturalField(p);
  Known **pp = &p->apHash[ormValHash(pVal, pField) & (u32)(p->nHash-1)];
  while( *pp && !ormValEqual(&(*pp)->v, pVal, pField) ) pp = &(*pp)->pNext;
  return pp;
}

static void knownGrow(Tree *p, Level *pLevel){
  Known **apOld = pLevel->apHash;
  int nOld = pLevel->nHash;
  if( pLevel->nKnown<nOld ) return;
  pLevel->nHash = nOld ? nOld*2 : 64;
  pLevel->apHash = ormArenaAlloc(&p->keep,
                                 pLevel->nHash*(i64)sizeof(Known*));
  for(int i=0; i<nOld && pLevel->apHash; i++){
    Known *pKnown, *pNext;
    for(pKnown=apOld[i]; pKnown; pKnown=pNext){
      pNext = pKnown->pNext;
      pKnown->pNext = 0;
      *knownAt(pLevel, &pKnown->v) = pKnown;
    }
  }
}

static Known *knownAdd(Tree *p, Level *pLevel, const struct OrmBind *pVal){
  Known *pNew;
  knownGrow(p, pLevel);
  pNew = ormArenaAlloc(&p->keep, sizeof(*pNew));
  if( pNew==0 ) return 0;       /* the arena gives nothing after a failure    */
  pNew->v = *pVal;
  pNew->v.u.z = ormArenaText(&p->keep, pVal->u.z, pVal->n);
  if( pNew->v.u.z==0 ) return 0;
  *knownAt(pLevel, pVal) = pNew;
  pLevel->nKnown++;
  return pNew;
}

static OrmStmt *findStmt(Tree *p, const Level *pLevel){
  const OrmModel *pModel = pLevel->pModel;
  const char *zNatural = naturalField(pLevel)->zName;
  OrmBuf buf;
  OrmStmt *pStmt;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "SELECT ", -1);
  ormBufName(&buf, pModel->aField[pModel->aKey[0]].zName);
  ormBufAdd(&buf, ", ", 2);
  ormBufName(&buf, zNatural);
  ormBufAdd(&buf, " FROM ", -1);
  ormBufTable(&buf, pModel->zTable);
  ormBufAdd(&buf, " WHERE ", -1);
  ormBufName(&buf, zNatural);
  ormBufAdd(&buf, " = ?1", -1);
  pStmt = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return pStmt;
}

/* Is there such an object in the file?  One whose key is written otherwise
** (another case) would be changed: that is not for us. */
static void findStored(Tree *p, Level *pLevel, Known *pKnown){
  if( pLevel->pFind==0 ) pLevel->pFind = findStmt(p, pLevel);
  ormBindOne(p->pErr, pLevel->pFind, 1, &pKnown->v);
  if( ormStmtStep(p->pOrm, p->pErr, pLevel->pFind) ){
    struct OrmBind v;
    pKnown->bThere = 1;
    pKnown->id = sqlite3_column_int64(pLevel->pFind->p, 0);
    ormUnitTake(&p->arena, &v, sqlite3_column_value(pLevel->pFind->p, 1));
    if( !ormValSame(&v, &pKnown->v) ) p->bAbandon = 1;
  }
  if( pLevel->pFind ) sqlite3_reset(pLevel->pFind->p);
}

/* An object that its natural key tells, met for the first time or again.
** bAlone: it gives nothing else, so it may be there already. */
static void checkNatural(
  Tree *p, Level *pLevel, const struct OrmBind *pVal, int bAlone
){
  Known *pKnown;
  if( pVal->eType!=SQLITE_TEXT || naturalField(pLevel)->cAff!='B' ){
    p->bAbandon = 1;
    return;
  }
  pKnown = pLevel->apHash ? *knownAt(pLevel, pVal) : 0;
  if( pKnown ){
    if( !bAlone || !pKnown->bAlone ) p->bAbandon = 1;
    return;
  }
  pKnown = knownAdd(p, pLevel, pVal);
  if( pKnown==0 ) return;
  pKnown->bAlone = (u8)bAlone;
  findStored(p, pLevel, pKnown);
  if( pKnown->bThere && !bAlone ) p->bAbandon = 1;
}

/* ------------------------------------------------------------------------
** Rows
** --------------------------------------------------------------------- */

static OrmStmt *insertStmt(Tree *p, Level *pLevel, u64 mField){
  const OrmModel *pModel = pLevel->pModel;
  OrmBuf buf;
  int n = 0;
  if( pLevel->pInsert && pLevel->mInsert==mField ) return pLevel->pInsert;
  ormStmtGive(p->pOrm, p->pErr, pLevel->pInsert);
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, "INSERT INTO ", -1);
  ormBufTable(&buf, pModel->zTable);
  for(int i=0; i<pModel->nField; i++){
    if( !(mField & BIT(i)) ) continue;
    ormBufAdd(&buf, n++ ? ", " : " (", 2);
    ormBufName(&buf, pModel->aField[i].zName);
  }
  for(int i=0; i<n; i++) ormBufPrintf(&buf, i ? ", ?%d" : ") VALUES (?%d", i+1);
  ormBufAdd(&buf, n ? ")" : " DEFAULT VALUES", -1);
  pLevel->pInsert = ormStmtTake(p->pOrm, p->pErr, ormBufText(&buf), buf.n);
  pLevel->mInsert = mField;
  ormBufFree(&buf);
  return pLevel->pInsert;
}

/* Insert a row of these values: its rowid. */
static i64 insertRow(Tree *p, Level *pLevel, u64 mField, struct OrmBind *aVal){
  OrmStmt *pStmt;
  int n = 0;
  for(int i=0; i<pLevel->pModel->nField; i++){
    if( !(pLevel->mAuto & ~mField & BIT(i)) ) continue;
    ormFlushAuto(&p->unit, &pLevel->pModel->aField[i], &aVal[i]);
  }
  mField |= pLevel->mAuto;
  pStmt = insertStmt(p, pLevel, mField);
  for(int i=0; i<pLevel->pModel->nField; i++){
    if( mField & BIT(i) ) ormBindOne(p->pErr, pStmt, ++n, &aVal[i]);
  }
  if( failed(p) ) return 0;
  ormStmtStep(p->pOrm, p->pErr, pStmt);
  sqlite3_reset(pStmt->p);
  return sqlite3_last_insert_rowid(p->pOrm->db);
}

/* ------------------------------------------------------------------------
** Objects
** --------------------------------------------------------------------- */

/* A field of an object; 0: not for us. */
static int takeField(
  Tree *p, const Level *pLevel, int i, const OrmJson *pNode, u64 *pmField,
  struct OrmBind *aVal
){
  const OrmField *pField = &pLevel->pModel->aField[i];
  if( (*pmField & BIT(i)) || pField->iKey || pField->bGenerated
   || pField->bReadonly ) return 0;
  if( ormFieldRefers(pLevel->pModel, i) && !p->unit.bForeignKeys ) return 0;
  if( ormUnitValue(&p->unit, pField, pNode, &aVal[i]) ) return 0;
  if( aVal[i].eType==SQLITE_NULL && pField->eAuto==ORM_AUTO_VERSION ) return 0;
  *pmField |= BIT(i);
  return 1;
}

/* The fields into aVal, the relationships into apMany; 0: not for us. */
static int takeObject(
  Tree *p, int iLevel, const OrmJson *pObject, u64 *pmField,
  struct OrmBind *aVal, const OrmJson **apMany, int *aiMany, int *pnMany
){
  OrmModel *pModel = p->aLevel[iLevel].pModel;
  int iNext = 0;
  if( pObject->eType!=ORM_JSON_OBJECT ) return 0;
  for(const OrmJson *q=pObject->pChild; q; q=q->pNext){
    int i = ormGraphMember(pModel, q, &iNext);
    OrmRel *pRel;
    if( i>=0 ){
      if( !takeField(p, &p->aLevel[iLevel], i, q, pmField, aVal) ) return 0;
      continue;
    }
    if( q->eType!=ORM_JSON_ARRAY ) return 0;
    pRel = ormRelFind(p->pOrm, p->pErr, pModel, q->zKey, q->nKey);
    if( pRel==0 || pRel->bViewonly ) return 0;
    i = levelFor(p, iLevel, pRel, pRel->pTarget);
    if( i<0 ) return 0;
    for(int j=0; j<*pnMany; j++) if( aiMany[j]==i ) return 0;
    assert( *pnMany<MAX_LEVEL );
    apMany[*pnMany] = q;
    aiMany[(*pnMany)++] = i;
  }
  return 1;
}

/* Write a row, unless it is known already: its rowid. */
static i64 writeRow(
  Tree *p, Level *pLevel, u64 mField, struct OrmBind *aVal, i64 idOwner
){
  const struct OrmBind *pVal = naturalValue(pLevel, mField, aVal);
  Known *pKnown = pVal ? *knownAt(pLevel, pVal) : 0;
  i64 id;
  if( pKnown && pKnown->bThere ) id = pKnown->id;
  else id = insertRow(p, pLevel, mField, aVal);
  if( pKnown ){
    pKnown->id = id;
    pKnown->bThere = 1;
  }
  if( pLevel->pRel && pLevel->pRel->zSecondary && !failed(p) ){
    ormLinksAdd(&pLevel->links, idOwner, id);
  }
  return id;
}

/* Check or write an object and what hangs on it.  It calls itself once a
** level. */
static void takeTree(
  Tree *p, int iLevel, const OrmJson *pObject, i64 idOwner
){
  const OrmJson *apMany[MAX_LEVEL];
  int aiMany[MAX_LEVEL], nMany = 0;
  struct OrmBind aVal[MAX_FIELD];
  Level *pLevel = &p->aLevel[iLevel];
  const OrmRel *pRel = pLevel->pRel;
  u64 mField = 0;
  i64 id = 0;
  if( !takeObject(p, iLevel, pObject, &mField, aVal, apMany, aiMany, &nMany) ){
    p->bAbandon = 1;
    return;
  }
  if( pRel && pRel->zSecondary==0 ){
    struct OrmBind *pVal = &aVal[pRel->aRemote[0]];
    if( mField & BIT(pRel->aRemote[0]) ) p->bAbandon = 1;
    pVal->eType = SQLITE_INTEGER;
    pVal->u.i = idOwner;
    mField |= BIT(pRel->aRemote[0]);
  }
  if( p->bWrite ){
    id = writeRow(p, pLevel, mField, aVal, idOwner);
    if( iLevel==0 ) p->iRowid = id;
  }else{
    const struct OrmBind *pVal = naturalValue(pLevel, mField, aVal);
    pLevel->mGiven |= mField;
    if( pVal ){
      checkNatural(p, pLevel, pVal,
                   pRel && pRel->zSecondary && pObject->nChild==1);
    }
  }
  for(int i=0; i<nMany; i++){
    for(const OrmJson *q=apMany[i]->pChild; q && !failed(p); q=q->pNext){
      takeTree(p, aiMany[i], q, id);
    }
  }
}

/* ------------------------------------------------------------------------
** The document
** --------------------------------------------------------------------- */

/* The next object of the array, in the root's arena; 0 at the end of the
** document, or when it is not for us. */
static const OrmJson *nextObject(Tree *p){
  const OrmJson *pObject;
  const char *zEnd;
  if( p->nRow>0 ){
    int bNext = ormJsonNextElement(&p->z, p->zEnd);
    if( bNext<0 ) p->bAbandon = 1;
    if( bNext<=0 ) return 0;
  }
  zEnd = ormJsonValueEnd(p->z, p->zEnd, ORM_JSON_MAX_DEPTH-1);
  ormArenaReset(&p->arena);
  pObject = zEnd ? ormJsonParse(&p->arena, p->z, zEnd - p->z, "object") : 0;
  p->bAbandon |= pObject==0;
  p->z = zEnd;
  return pObject;
}

/* Once through the document. */
static void takeDocument(Tree *p){
  const OrmJson *pObject;
  p->z = p->zStart;
  p->nRow = 0;
  while( !failed(p) && (pObject = nextObject(p))!=0 ){
    takeTree(p, 0, pObject, 0);
    p->nRow++;
  }
}

static void treeJob(Orm *pOrm, OrmErr *pErr, void *pArg){
  Tree *p = (Tree*)pArg;
  ORM_UNUSED(pOrm);
  p->bWrite = 1;
  takeDocument(p);
  for(int i=0; i<p->nLevel && !failed(p); i++){
    ormLinksFlush(&p->aLevel[i].links);
  }
  if( failed(p) ) ormErr(pErr, SQLITE_ERROR, "orm: not in bulk");
}

static void giveStatements(Tree *p){
  for(int i=0; i<p->nLevel; i++){
    ormStmtGive(p->pOrm, p->pErr, p->aLevel[i].pInsert);
    ormStmtGive(p->pOrm, p->pErr, p->aLevel[i].pFind);
    ormLinksClose(&p->aLevel[i].links);
  }
}

/* Is all of the document for us? */
static int checkAll(Tree *p, OrmModel *pModel){
  const char *z = ormJsonSpaceEnd(p->z, p->zEnd);
  if( z>=p->zEnd || *z!='[' || levelFor(p, -1, 0, pModel)<0 ) return 0;
  p->zStart = ormJsonSpaceEnd(z + 1, p->zEnd);
  takeDocument(p);
  return !failed(p) && allFits(p);
}

/* Create the objects of the array z[n]: how many, or -1 if this is no work for
** us (nothing is written then) or it failed. */
i64 ormTree(
  Orm *pOrm, OrmErr *pErr, OrmModel *pModel, int bSave, const char *z, i64 n,
  i64 *piRowid
){
  Tree *p = sqlite3_malloc64(sizeof(*p));
  i64 nRow = -1;
  if( p==0 ){
    ormErrOom(pErr);
    return -1;
  }
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  ormArenaInit(&p->keep, &p->err);
  ormUnitInit(&p->unit, pOrm, &p->err, &p->arena, pModel->pCatalog,
              ORM_WRITE_CREATE);
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->bSave = (u8)bSave;
  p->z = z;
  p->zEnd = z + n;
  if( checkAll(p, pModel) ){
    ormAnchorRun(pOrm, pErr, treeJob, p);
    if( pErr->rc==SQLITE_OK ) nRow = p->nRow;
  }
  giveStatements(p);
  ormBulkLeave(pErr, &p->err);
  *piRowid = p->iRowid;
  ormArenaFree(&p->arena);
  ormArenaFree(&p->keep);
  sqlite3_free(p);
  return pErr->rc ? -1 : nRow;
}
