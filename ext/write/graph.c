/*
** A document checked into a graph: objects become rows, fields their values,
** nested objects and keys references and collections.
**
** Only the catalog is asked here; what exists in the file is resolve.c's
** matter.  Rows are read in the order in which they are found, level by level,
** so no depth of a document makes a C function call itself.  Nothing stops at
** a mistake: complaints are collected, each with its JSON path, and what is
** wrong is left out.
*/
#include "unit.h"

/* Names that orm itself adds to an object that it gives. */
static int isAdded(const OrmJson *p){
  static const char *const az[] = {
    "_count", "_sum", "_avg", "_min", "_max", "_created"
  };
  if( p->nKey<4 || p->zKey[0]!='_' ) return 0;
  for(int i=0; i<ORM_COUNT(az); i++) if( ormJsonIs(p, az[i]) ) return 1;
  return 0;
}

/* ------------------------------------------------------------------------
** References
** --------------------------------------------------------------------- */

/* The columns of a foreign key get what another row has, or NULL. */
static void setReference(
  Unit *p, UnitRow *pRow, int n, const int *aFrom, UnitRow *pTo,
  const int *aTo, const OrmJson *pNode
){
  for(int i=0; i<n; i++){
    UnitVal *pVal = ormUnitVal(p, pRow, aFrom[i]);
    if( pVal==0 ) return;
    if( pVal->bRel && pVal->eKind==UNIT_REF && pTo ){
      ormUnitAgree(p, pVal, pTo, aTo[i], pNode);
      continue;
    }
    if( pVal->bRel && (pVal->eKind==UNIT_REF)!=(pTo!=0) ){
      ormUnitErr(p, SQLITE_ERROR, pNode, "%s is null in one place of this graph"
                 " and an object in another",
                 pRow->pModel->p->aField[aFrom[i]].zName);
      return;
    }
    pVal->bRel = 1;
    pVal->pNode = pNode;
    if( pTo ){
      pVal->eKind = UNIT_REF;
      pVal->pRef = pTo;
      pVal->iRef = aTo[i];
      pTo->pModel->abNeed[aTo[i]] = 1;
      pTo->pModel->abBack[aTo[i]] = 1;
    }else{
      pVal->eKind = UNIT_BIND;
      memset(&pVal->v, 0, sizeof(pVal->v));
      pVal->v.eType = SQLITE_NULL;
    }
    pRow->pModel->abNeed[aFrom[i]] = 1;
  }
}

/* The key in a node becomes a row that must exist.  0 and a complaint. */
static UnitRow *keyRow(
  Unit *p, OrmModel *pModel, const OrmJson *pNode, int eRole
){
  const OrmJson *pPart = pNode;
  const char *zWanted;
  UnitRow *pRow;
  if( pNode->eType<=ORM_JSON_TRUE ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s is no %s: an object or a key is"
               " needed", ormJsonTypeName(pNode), pModel->zName);
    return 0;
  }
  if( pNode->eType==ORM_JSON_ARRAY
      ? pNode->nChild!=pModel->nKey || pModel->nKey==1 : pModel->nKey!=1 ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s: the key of %s has %d column%s",
        ormJsonTypeName(pNode), pModel->zName, pModel->nKey,
        pModel->nKey==1 ? "" : "s, write it as an array");
    return 0;
  }
  pRow = ormUnitRow(p, pModel, eRole, pNode);
  if( pNode->eType==ORM_JSON_ARRAY ) pPart = pNode->pChild;
  for(int i=0; i<pModel->nKey && pRow; i++, pPart=pPart->pNext){
    UnitVal *pVal = ormUnitVal(p, pRow, pModel->aKey[i]);
    if( pVal==0 ) return 0;
    zWanted = ormUnitValue(p, &pModel->aField[pModel->aKey[i]], pPart,
                           &pVal->v);
    if( zWanted ){
      ormUnitWrong(p, &pModel->aField[pModel->aKey[i]], pPart, zWanted);
      pRow->eState = UNIT_GONE;
      return 0;
    }
    pVal->eKind = UNIT_BIND;
    pVal->pNode = pPart;
  }
  return pRow;
}

/* An object or a key in a relationship; 0 and a complaint. */
static UnitRow *targetRow(
  Unit *p, const OrmRel *pRel, const OrmJson *pNode, int bFind
){
  UnitRow *pRow;
  if( pNode->eType==ORM_JSON_OBJECT ){
    pRow = ormUnitRow(p, pRel->pTarget, bFind ? UNIT_FIND : UNIT_OBJECT, pNode);
  }else{
    pRow = keyRow(p, pRel->pTarget, pNode, bFind ? UNIT_FIND : UNIT_LINK);
  }
  if( pRow ) pRow->pVia = pRel;
  return pRow;
}

/* ------------------------------------------------------------------------
** Collections
** --------------------------------------------------------------------- */

static UnitColl *collNew(
  Unit *p, UnitRow *pOwner, const OrmRel *pRel, const OrmJson *pNode
){
  UnitColl *pColl = ormArenaAlloc(p->pArena, sizeof(*pColl));
  if( pColl==0 ) return 0;
  pColl->pOwner = pOwner;
  pColl->pRel = pRel;
  pColl->pNode = pNode;
  if( p->pLastColl ) p->pLastColl->pNext = pColl; else p->pColl = pColl;
  p->pLastColl = pColl;
  for(int i=0; i<pRel->nLocal; i++){
    pOwner->pModel->abNeed[pRel->aLocal[i]] = 1;
    pOwner->pModel->abBack[pRel->aLocal[i]] = 1;
  }
  if( pRel->zSecondary ){       /* what is linked now may be linked no more   */
    UnitModel *pTo = ormUnitModel(p, pRel->pTarget);
    for(int i=0; pTo && i<pRel->nRemote; i++) pTo->abNeed[pRel->aRemote[i]] = 1;
  }
  return pColl;
}

/* A key that names a member is the one it has, also where the reference to the
** owner is part of it, which changes then (C96). */
static void findAsGiven(Unit *p, UnitRow *pRow, const OrmRel *pRel){
  const OrmModel *pModel = pRow->pModel->p;
  struct OrmBind *a;
  int bKey = 0;
  for(int i=0; i<pRel->nRemote; i++){
    if( pModel->aField[pRel->aRemote[i]].iKey ) bKey = 1;
  }
  if( !bKey || pRow->eRole!=UNIT_LINK ) return;
  a = ormArenaAlloc(p->pArena, pModel->nKey*(i64)sizeof(*a));
  for(int i=0; i<pModel->nKey && a; i++){
    a[i] = pRow->aVal[pModel->aKey[i]].v;
    ormValAffinity(p->pArena, &a[i], pModel->aField[pModel->aKey[i]].cAff);
  }
  pRow->aFind = a;
}

/* A row becomes a member: it refers to the owner, or will be linked. */
static void collMember(Unit *p, UnitColl *pColl, UnitRow *pRow){
  const OrmRel *pRel = pColl->pRel;
  UnitMember *pMember = ormArenaGrow(p->pArena, (void**)&pColl->aMember,
      pColl->nMember, &pColl->nMemberAlloc, (int)sizeof(*pMember));
  if( pMember==0 ) return;
  pMember->p = pRow;
  pColl->nMember++;
  for(int i=0; i<pRel->nRemote; i++){
    pRow->pModel->abNeed[pRel->aRemote[i]] = 1;
    pRow->pModel->abBack[pRel->aRemote[i]] = 1;
  }
  if( pRel->zSecondary==0 && !pRel->bForeign && !pColl->bImplied ){
    findAsGiven(p, pRow, pRel);
    setReference(p, pRow, pRel->nRemote, pRel->aRemote, pColl->pOwner,
                 pRel->aLocal, pRow->pNode);
  }
}

static void collArray(Unit *p, UnitColl *pColl, const OrmJson *pArray){
  const OrmJson *pNode = pArray->pChild;
  for(; pNode && p->pErr->rc==SQLITE_OK; pNode=pNode->pNext){
    UnitRow *pRow;
    if( pNode->eType==ORM_JSON_NULL ){
      ormUnitErr(p, SQLITE_ERROR, pNode, "null in a collection");
      continue;
    }
    pRow = targetRow(p, pColl->pRel, pNode, 0);
    if( pRow ) collMember(p, pColl, pRow);
  }
}

/* $remove and $delete: objects to find. */
static void collFind(
  Unit *p, const OrmRel *pRel, const OrmJson *pArray, UnitFound **paFound,
  int *pn, int *pnAlloc
){
  const OrmJson *pNode = pArray->pChild;
  for(; pNode && p->pErr->rc==SQLITE_OK; pNode=pNode->pNext){
    UnitFound *pNew = ormArenaGrow(p->pArena, (void**)paFound, *pn, pnAlloc,
                                   (int)sizeof(*pNew));
    UnitRow *pRow = pNew ? targetRow(p, pRel, pNode, 1) : 0;
    if( pRow==0 ) continue;
    for(int i=0; i<pRel->nRemote; i++){
      pRow->pModel->abNeed[pRel->aRemote[i]] = 1;
    }
    pNew->p = pRow;
    pNew->pNode = pNode;
    (*pn)++;
  }
}

/* In the order in which they are done, whatever the JSON order. */
enum { WORD_DELETE, WORD_REMOVE, WORD_SET, WORD_ADD };
static const char *const azWord[] = { "$delete", "$remove", "$set", "$add", 0 };

static int findWord(const OrmJson *pWord){
  int i = 0;
  while( azWord[i] && !ormJsonIs(pWord, azWord[i]) ) i++;
  return i;
}

static void checkWord(Unit *p, const UnitColl *pColl, const OrmJson *pWord){
  int i = findWord(pWord);
  if( azWord[i]==0 ){
    const char *z = ormNearest(pWord->zKey, pWord->nKey, ormNameInArray,
                               azWord);
    ormUnitErr(p, SQLITE_ERROR, pWord, "%s takes an array, or an object with"
        " $add, $remove, $set, $delete%s%s%s", pColl->pRel->zName,
        z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
  }else if( pWord->eType!=ORM_JSON_ARRAY ){
    ormUnitErr(p, SQLITE_ERROR, pWord, "%s takes an array, not %s",
               azWord[i], ormJsonTypeName(pWord));
  }
}

static void collWord(
  Unit *p, UnitColl *pColl, int eWord, const OrmJson *pArray
){
  switch( eWord ){
    case WORD_DELETE:
      collFind(p, pColl->pRel, pArray, &pColl->aDelete, &pColl->nDelete,
               &pColl->nDeleteAlloc);
      break;
    case WORD_REMOVE:
      collFind(p, pColl->pRel, pArray, &pColl->aRemove, &pColl->nRemove,
               &pColl->nRemoveAlloc);
      break;
    case WORD_SET:
      pColl->bSet = 1;
      collArray(p, pColl, pArray);
      break;
    default:
      collArray(p, pColl, pArray);
  }
}

static void collWords(Unit *p, UnitColl *pColl, const OrmJson *pNode){
  for(const OrmJson *pWord=pNode->pChild; pWord; pWord=pWord->pNext){
    checkWord(p, pColl, pWord);
  }
  for(int i=0; azWord[i] && p->pErr->rc==SQLITE_OK; i++){
    const OrmJson *pWord = ormJsonMember(pNode, azWord[i]);
    if( pWord && pWord->eType==ORM_JSON_ARRAY ) collWord(p, pColl, i, pWord);
  }
}

/* ------------------------------------------------------------------------
** One value of an object
** --------------------------------------------------------------------- */

static void readMany(
  Unit *p, UnitRow *pRow, const OrmRel *pRel, const OrmJson *pNode
){
  UnitColl *pColl;
  if( pNode->eType!=ORM_JSON_ARRAY && pNode->eType!=ORM_JSON_OBJECT ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s takes an array, not %s", pRel->zName,
               ormJsonTypeName(pNode));
    return;
  }
  pColl = collNew(p, pRow, pRel, pNode);
  if( pColl==0 ) return;
  if( pNode->eType==ORM_JSON_OBJECT ){
    collWords(p, pColl, pNode);
  }else{
    pColl->bSet = 1;
    collArray(p, pColl, pNode);
  }
}

/* The far end of a one_to_one takes the place of who had it (C56). */
static void implyReverse(
  Unit *p, UnitRow *pRow, const OrmRel *pRel, UnitRow *pTarget,
  const OrmJson *pNode
){
  UnitColl *pColl;
  if( pRel->eDir!=ORM_ONE_TO_ONE || pRel->pBack==0 || pRel->pBack->bMany ){
    return;
  }
  pColl = collNew(p, pTarget, pRel->pBack, pNode);
  if( pColl==0 ) return;
  pColl->bSet = pColl->bImplied = 1;
  collMember(p, pColl, pRow);
}

static void nullReference(
  Unit *p, UnitRow *pRow, const OrmRel *pRel, const OrmJson *pNode
){
  int aField[ORM_MAX_KEY];
  int n = ormNullsColumns(pRel, aField);
  setReference(p, pRow, n, aField, 0, 0, pNode);
  for(int i=0; i<n && pRow->aVal; i++){
    UnitVal *pVal = &pRow->aVal[aField[i]];
    pVal->eNull = pVal->eNull || pRel->nLocal==1 ? 2 : 1;
  }
}

static void readOne(
  Unit *p, UnitRow *pRow, const OrmRel *pRel, const OrmJson *pNode
){
  UnitRow *pTarget = 0;
  UnitColl *pColl;
  if( pNode->eType!=ORM_JSON_NULL ){
    pTarget = targetRow(p, pRel, pNode, 0);
    if( pTarget==0 ) return;
  }
  pColl = collNew(p, pRow, pRel, pNode);
  if( pColl==0 ) return;
  pColl->bSet = 1;
  if( pTarget ) collMember(p, pColl, pTarget);
  if( !pRel->bForeign ) return;
  if( pTarget==0 ){
    nullReference(p, pRow, pRel, pNode);
    return;
  }
  setReference(p, pRow, pRel->nLocal, pRel->aLocal, pTarget, pRel->aRemote,
               pNode);
  implyReverse(p, pRow, pRel, pTarget, pNode);
}

/* {"$inc": n} */
static int readIncrement(
  Unit *p, const OrmField *pField, const OrmJson *pNode, UnitVal *pVal
){
  const OrmJson *pBy = pNode->pChild;
  if( pNode->eType!=ORM_JSON_OBJECT || pField->eType==ORM_TYPE_JSON
   || pBy==0 || pBy->zKey[0]!='$' ) return 0;
  if( !ormJsonIs(pBy, "$inc") || pBy->pNext ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s takes a value or {\"$inc\": number}",
               pField->zName);
  }else if( pBy->eType!=ORM_JSON_INTEGER && pBy->eType!=ORM_JSON_REAL ){
    ormUnitErr(p, SQLITE_ERROR, pBy, "$inc takes a number, not %s",
               ormJsonTypeName(pBy));
  }else if( pField->iKey || pField->eAuto==ORM_AUTO_VERSION ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s cannot be incremented",
               pField->zName);
  }else if( !pVal->bRel ){
    pVal->eKind = UNIT_INC;
    pVal->pNode = pNode;
    memset(&pVal->v, 0, sizeof(pVal->v));
    if( pBy->eType==ORM_JSON_INTEGER ){
      pVal->v.eType = SQLITE_INTEGER;
      pVal->v.u.i = pBy->u.i;
    }else{
      pVal->v.eType = SQLITE_FLOAT;
      pVal->v.u.r = pBy->u.r;
    }
  }
  return 1;
}

void ormGraphField(Unit *p, UnitRow *pRow, int i, const OrmJson *pNode){
  const OrmField *pField = &pRow->pModel->p->aField[i];
  UnitVal *pVal = ormUnitVal(p, pRow, i);
  struct OrmBind v;
  const char *zWanted;
  if( pVal==0 ) return;
  pRow->pModel->abNeed[i] = 1;
  if( readIncrement(p, pField, pNode, pVal) ) return;
  zWanted = ormUnitValue(p, pField, pNode, &v);
  if( pVal->bRel && zWanted==0 ) return;            /* C19: it wins           */
  if( pVal->bRel || (zWanted && v.eType==0) ){
    ormUnitWrong(p, pField, pNode, zWanted);
    return;
  }
  pVal->zWanted = zWanted;
  pVal->eKind = UNIT_BIND;
  pVal->v = v;
  pVal->pNode = pNode;
}

/* The field of a member's name.  Documents mostly name fields in the same
** order, so the one behind the last is tried first. */
int ormGraphMember(const OrmModel *pModel, const OrmJson *p, int *piNext){
  int i = *piNext;
  if( i<pModel->nField && ormJsonIs(p, pModel->aField[i].zName) ){
    *piNext = i + 1;
    return i;
  }
  i = ormFieldFind(pModel, p->zKey, p->nKey);
  if( i>=0 ) *piNext = i + 1;
  return i;
}

int ormGraphIdentity(const OrmModel *pModel, int i){
  if( pModel->aField[i].iKey ) return 1;
  for(int j=0; j<pModel->nNatural; j++) if( pModel->aNatural[j]==i ) return 1;
  return 0;
}

static void readMember(
  Unit *p, UnitRow *pRow, const OrmJson *pNode, int *piNext
){
  OrmModel *pModel = pRow->pModel->p;
  int i = ormGraphMember(pModel, pNode, piNext);
  const OrmRel *pRel;
  if( i>=0 ){
    if( pRow->eRole==UNIT_FIND && !ormGraphIdentity(pModel, i) ) return;
    ormGraphField(p, pRow, i, pNode);
    return;
  }
  pRel = ormRelFind(p->pOrm, p->pErr, pModel, pNode->zKey, pNode->nKey);
  if( p->pErr->rc ) return;
  if( pRel ){
    if( pRel->bViewonly || pRow->eRole==UNIT_FIND ) return;         /* C6    */
    if( ormJsonMember(pNode->pParent, pRel->zName)!=pNode ) return;
    if( pRel->bMany ) readMany(p, pRow, pRel, pNode);
    else readOne(p, pRow, pRel, pNode);
  }else if( !isAdded(pNode) ){
    const char *z = ormModelNearest(pModel, pNode->zKey, pNode->nKey);
    ormUnitErr(p, SQLITE_ERROR, pNode, "no such field or relationship %.*s on"
        " %s%s%s%s", pNode->nKey, pNode->zKey, pModel->zName,
        z ? " (did you mean " : "", z ? z : "", z ? "?)" : "");
  }
}

UnitRow *ormGraphRoot(Unit *p, OrmModel *pModel, const OrmJson *pNode){
  UnitRow *pRow;
  if( pNode->eType!=ORM_JSON_OBJECT ){
    ormUnitErr(p, SQLITE_ERROR, pNode, "%s takes an object, not %s",
               pModel->zName, ormJsonTypeName(pNode));
    return 0;
  }
  pRow = ormUnitRow(p, pModel, UNIT_OBJECT, pNode);
  if( pRow ) pRow->bRoot = 1;
  return pRow;
}

/* Read the objects of all rows from pFirst on, and of those that they add. */
void ormGraphRead(Unit *p, UnitRow *pFirst){
  for(UnitRow *pRow=pFirst; pRow && p->pErr->rc==SQLITE_OK; pRow=pRow->pNext){
    const OrmJson *pNode;
    int iNext = 0;
    if( pRow->pNode->eType!=ORM_JSON_OBJECT ) continue;
    if( pRow->pModel->p->bView && pRow->eRole==UNIT_OBJECT ){
      ormUnitErr(p, SQLITE_ERROR, pRow->pNode, "%s is a view and cannot be"
                 " written", pRow->pModel->p->zName);
      pRow->eState = UNIT_GONE;
      continue;
    }
    for(pNode=pRow->pNode->pChild; pNode; pNode=pNode->pNext){
      readMember(p, pRow, pNode, &iNext);
    }
  }
}
