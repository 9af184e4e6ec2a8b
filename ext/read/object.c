/*
** Objects: the text of a row's fields when it comes in, and whole objects put
** together from rows and the groups of rows that they include.
**
** An include that recurs is walked with a stack of its own, so that a chain of
** a million rows does not end the process.  What is on the way down is marked
** by the identity of the row (its key): there the include ends, without its
** name.
*/
#include "load.h"

#define KEY_STEP  ORM_KEY_STEP
#define MAX_SHORT 4000          /* text that is escaped in one go             */
#define ROW_END   3             /* "}" of a row and "}," of what it is in     */

/* Whole steps of a key, which has slack behind it; there is room for them. */
static ORM_INLINE char *keyCopy(char *zTo, const char *zKey, int nKey){
  char *zEnd = zTo + nKey;
  do{
    memcpy(zTo, zKey, KEY_STEP);
    zTo += KEY_STEP;
    zKey += KEY_STEP;
  }while( zTo<zEnd );
  return zEnd;
}

/* Up to here a text may reach, so that all that is not text has room. */
static ORM_INLINE const char *textMost(const OrmLevel *p, const OrmBuf *pBuf){
  return pBuf->z + (pBuf->nAlloc - p->nFixed);
}

/*
** Append "{..": fields and counts of a row, without the closing brace.
**
** Room for all that is not text is reserved at once (OrmLevel.nFixed: the
** keys, padded to whole steps of the copy, and a number each), and short text
** asks for its own on top; what is left goes the long way.
*/
static ORM_INLINE void fields(OrmLevel *p, OrmBuf *pBuf,
                              sqlite3_value **apVal){
  const OrmPart *pPart = p->aPart;
  const OrmPart *pEnd = &pPart[p->nPart];
  const char *zMost;
  char *z = ormBufReserve(pBuf, p->nFixed);
  if( z==0 ) return;
  zMost = textMost(p, pBuf);
  if( pPart==pEnd ) *z++ = '{';
  for(; pPart<pEnd; pPart++){
    sqlite3_value *pVal = apVal[pPart->iVal];
    int eType = sqlite3_value_type(pVal);
    z = keyCopy(z, pPart->zKey, pPart->nKey);
    if( eType==SQLITE_INTEGER && pPart->eType!=ORM_TYPE_BOOLEAN ){
      z = ormIntText(z, sqlite3_value_int64(pVal));
      continue;
    }
    if( eType==SQLITE_NULL ){
      memcpy(z, "null", 4);
      z += 4;
      continue;
    }
    if( eType==SQLITE_TEXT && pPart->eType!=ORM_TYPE_JSON ){
      const char *zText = (const char*)sqlite3_value_text(pVal);
      i64 n = sqlite3_value_bytes(pVal);
      if( zText && n<=MAX_SHORT ){
        i64 nMore = n*6 + ORM_JSON_SLACK + 2;
        if( ORM_UNLIKELY(zMost - z<nMore) ){
          pBuf->n = z - pBuf->z;
          z = ormBufReserve(pBuf, p->nFixed + nMore);
          if( z==0 ) return;
          zMost = textMost(p, pBuf);
        }
        *z++ = '"';
        z = ormJsonEscape(z, zText, n);
        *z++ = '"';
        continue;
      }
    }
    pBuf->n = z - pBuf->z;
    ormJsonValue(pBuf, pVal, pPart->eType);
    z = ormBufReserve(pBuf, p->nFixed);
    if( z==0 ) return;
    zMost = textMost(p, pBuf);
  }
  *z = '}';
  pBuf->n = z + p->bTail - pBuf->z;
}

void ormObjectFields(OrmLevel *p, OrmBuf *pBuf, sqlite3_value **apVal){
  fields(p, pBuf, apVal);
}

static ORM_INLINE const char *textOf(const OrmLevel *p, const OrmRow *pRow){
  return &p->aText[pRow->iText].z[pRow->iOff];
}

/* A text is wanted soon: the first lines of memory that it lies in. */
static ORM_INLINE void linesSoon(const char *z, u32 n){
  ORM_PREFETCH(z);
  ORM_PREFETCH(z + (n>64 ? 64 : 0));
  ORM_PREFETCH(z + (n>128 ? 128 : 0));
}

static ORM_INLINE void textSoon(const OrmLevel *p, int iRow){
  linesSoon(textOf(p, &p->aRow[iRow]), p->aRow[iRow].n);
}

/* Append the fields of a row. */
void ormObjectRow(const OrmLevel *p, int iRow, OrmBuf *pOut){
  const OrmRow *pRow = &p->aRow[iRow];
  ormBufAdd(pOut, textOf(p, pRow), pRow->n);
}

/* ,"name":  without the comma if nothing stands before it. */
static void includeKey(const OrmLevel *p, OrmBuf *pOut){
  int bFirst = ORM_ALWAYS(pOut->n>0) && pOut->z[pOut->n - 1]=='{';
  ormBufAdd(pOut, p->zKey + bFirst, p->nKey - bFirst);
}

static int groupOf(const OrmLevel *p, int iParentRow){
  int i = iParentRow - p->iFirst;
  return p->bPlain ? i : p->aGroup[i];
}

static void includes(OrmLevel*, int iRow, OrmBuf*);

/* ------------------------------------------------------------------------
** Includes that recur
*/
typedef struct Frame { int iMe, iNext; u8 bFirst; } Frame;
typedef struct Walk Walk;
struct Walk {
  OrmLevel *p;
  OrmBuf *pOut;
  Frame *a; int n; i64 nAlloc;
};

/* Write the beginning of a group's value; a frame stays for its rows. */
static void walkOpen(Walk *pWalk, int iMe, int iGroup){
  OrmLevel *p = pWalk->p;
  int iRow = iGroup<0 ? -1 : p->aHead[iGroup];
  Frame *pFrame;
  includeKey(p, pWalk->pOut);
  if( iRow<0 ){
    ormBufAdd(pWalk->pOut, p->pRel->bMany ? "[]" : "null", p->pRel->bMany?2:4);
    return;
  }
  if( !ormGrow(pWalk->pOut->pErr, &pWalk->a, &pWalk->nAlloc, pWalk->n + 1,
               sizeof(Frame)) ) return;
  pFrame = &pWalk->a[pWalk->n++];
  pFrame->iMe = iMe;
  pFrame->iNext = iRow;
  pFrame->bFirst = 1;
  p->abOnPath[iMe] = 1;
  if( p->pRel->bMany ) ormBufChar(pWalk->pOut, '[');
}

/* The next row of the frame on top, or its end. */
static void walkStep(Walk *pWalk){
  OrmLevel *p = pWalk->p;
  Frame *pFrame = &pWalk->a[pWalk->n - 1];
  OrmBuf *pOut = pWalk->pOut;
  int iRow = pFrame->iNext;
  int bOpen;
  if( iRow<0 ){
    if( p->pRel->bMany ) ormBufChar(pOut, ']');
    p->abOnPath[pFrame->iMe] = 0;
    pWalk->n--;
    if( pWalk->n>0 ) ormBufChar(pOut, '}');
    return;
  }
  if( !pFrame->bFirst ) ormBufChar(pOut, ',');
  pFrame->bFirst = 0;
  pFrame->iNext = p->aRow[iRow].iNext;
  ormObjectRow(p, iRow, pOut);
  includes(p, iRow, pOut);
  bOpen = (p->pQuery->nDepth==0 || pWalk->n<p->pQuery->nDepth)
       && !p->abOnPath[p->aMe[iRow]];
  if( bOpen ){
    int n = pWalk->n;
    walkOpen(pWalk, p->aMe[iRow], p->aSelf[iRow]);
    if( pWalk->n>n ) return;
  }
  ormBufChar(pOut, '}');
}

static void recurse(OrmLevel *p, int iParentRow, OrmBuf *pOut){
  Walk walk;
  memset(&walk, 0, sizeof(walk));
  walk.p = p;
  walk.pOut = pOut;
  walkOpen(&walk, p->aStart[iParentRow - p->iFirst], groupOf(p, iParentRow));
  while( walk.n>0 && pOut->pErr->rc==SQLITE_OK ) walkStep(&walk);
  for(int i=0; i<walk.n; i++) p->abOnPath[walk.a[i].iMe] = 0;
  sqlite3_free(walk.a);
}

/* ------------------------------------------------------------------------
** Whole objects
*/

/* What comes behind the fields of a row, and its brace: there is room for that,
** and for the end of the object around it. */
static ORM_INLINE void rowEnd(OrmLevel *p, int iRow, OrmBuf *pOut){
  if( p->pChild || p->bLate ){
    includes(p, iRow, pOut);
    if( ormBufReserve(pOut, ROW_END)==0 ) return;
  }
  pOut->z[pOut->n++] = '}';
}

/* "},": there is room for it. */
static ORM_INLINE void objectEnd(OrmBuf *pOut){
  if( pOut->pErr->rc ) return;
  pOut->z[pOut->n++] = '}';
  pOut->z[pOut->n++] = ',';
}

/* Append "{..},", the object of a row that includes nothing; the fields leave
** the room. */
void ormObjectLeaf(OrmLevel *p, OrmBuf *pOut, sqlite3_value **apVal){
  fields(p, pOut, apVal);
  objectEnd(pOut);
}

static void member(OrmLevel *p, int iRow, OrmBuf *pOut){
  const OrmRow *pRow = &p->aRow[iRow];
  const char *zText = textOf(p, pRow);
  char *z = ormBufReserve(pOut, (i64)pRow->n + ROW_END);
  if( z==0 ) return;
  memcpy(z, zText, pRow->n);
  pOut->n += pRow->n;
  rowEnd(p, iRow, pOut);
}

/* Row iRow comes next, and the one behind it after that: rows of a group lie
** anywhere in memory, and so does what they include. */
static ORM_INLINE void soon(const OrmLevel *p, int iRow){
  const OrmLevel *pChild;
  int iAfter = p->aRow[iRow].iNext;
  textSoon(p, iRow);
  if( iAfter>=0 ) ORM_PREFETCH(&p->aRow[iAfter]);
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    u32 iGroup = (u32)(iRow - pChild->iFirst);
    u32 iBehind = (u32)(iAfter - pChild->iFirst);
    u32 nGroup = pChild->bPlain ? (u32)pChild->nGroup : 0;
    if( iBehind<nGroup ){
      ORM_PREFETCH(&pChild->aHead[iBehind]);
      ORM_PREFETCH(&pChild->aTail[iBehind]);
    }
    if( pChild->bLinks && iGroup<nGroup ){
      ORM_PREFETCH(&pChild->aLinkRow[pChild->aHead[iGroup]]);
    }
  }
}

/*
** The same where rows are linked: those some places ahead are known, up to
** iEnd.  Each is asked for in three steps, its place, its text and the heads of
** the groups that it includes, and what these lead to.
*/
static ORM_INLINE void soonLinked(const OrmLevel *p, int i, int iEnd){
  const OrmLevel *pChild;
  int iRow;
  if( i + 6<iEnd ) ORM_PREFETCH(&p->aRow[p->aLinkRow[i + 6]]);
  if( i + 3>=iEnd ) return;
  iRow = p->aLinkRow[i + 3];
  textSoon(p, iRow);
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    u32 nGroup = pChild->bPlain ? (u32)pChild->nGroup : 0;
    u32 iGroup = (u32)(iRow - pChild->iFirst);
    if( iGroup<nGroup ){
      ORM_PREFETCH(&pChild->aHead[iGroup]);
      ORM_PREFETCH(&pChild->aTail[iGroup]);
    }
    iGroup = (u32)(p->aLinkRow[i + 1] - pChild->iFirst);
    if( pChild->bLinks && iGroup<nGroup ){
      ORM_PREFETCH(&pChild->aLinkRow[pChild->aHead[iGroup]]);
    }
  }
}

/* Leaves of a group, linked: "{..},{..}," in one go. */
static void leaves(const OrmLevel *p, int i, int iEnd, OrmBuf *pOut){
  i64 n = 0;
  char *z;
  for(int j=i; j<iEnd; j++) n += p->aRow[p->aLinkRow[j]].n + 2;
  z = ormBufReserve(pOut, n + 1);
  if( z==0 ) return;
  pOut->n += n;
  for(; i<iEnd; i++){
    const OrmRow *pRow = &p->aRow[p->aLinkRow[i]];
    memcpy(z, textOf(p, pRow), pRow->n);
    z += pRow->n;
    *z++ = '}';
    *z++ = ',';
  }
}

/* The first row of the group behind a group, or -1. */
static int headAhead(const OrmLevel *p, int iGroup){
  return p->bPlain && iGroup + 1<p->nGroup ? p->aHead[iGroup + 1] : -1;
}

/* The beginning of an include of many, */
void ormObjectOpen(const OrmLevel *p, OrmBuf *pOut){
  includeKey(p, pOut);
  ormBufChar(pOut, '[');
}

/* and its end, which the last comma becomes. */
void ormObjectClose(OrmBuf *pOut){
  if( pOut->pErr->rc ) return;
  if( pOut->z[pOut->n - 1]==',' ) pOut->z[pOut->n - 1] = ']';
  else ormBufChar(pOut, ']');
}

/* The value of an include of a row of the parent. */
static void include(OrmLevel *p, int iParentRow, OrmBuf *pOut){
  int iGroup = groupOf(p, iParentRow);
  int i = iGroup<0 ? -1 : p->aHead[iGroup];
  if( !p->bMany ){
    includeKey(p, pOut);
    if( i<0 ) ormBufAdd(pOut, "null", 4);
    else member(p, i, pOut);
    return;
  }
  ormObjectOpen(p, pOut);
  if( p->bLinks ){
    int iEnd = iGroup<0 ? i : p->aTail[iGroup];
    if( p->pChild==0 && !p->bLate ){
      leaves(p, i, iEnd, pOut);
      i = iEnd;
    }
    for(; i<iEnd; i++){
      soonLinked(p, i, p->bGather ? p->nRow : iEnd);
      member(p, p->aLinkRow[i], pOut);
      ormBufChar(pOut, ',');
    }
  }else{
    int iAhead = headAhead(p, iGroup);
    if( iAhead>=0 ) ORM_PREFETCH(&p->aRow[iAhead]);
    while( i>=0 ){
      int iNext = p->aRow[i].iNext;
      int iSoon = iNext>=0 ? iNext : iAhead;
      if( iSoon>=0 ) soon(p, iSoon);
      member(p, i, pOut);
      ormBufChar(pOut, ',');
      i = iNext;
    }
  }
  ormObjectClose(pOut);
}

/* Append an include that is loaded. */
void ormObjectInclude(OrmLevel *p, int iParentRow, OrmBuf *pOut){
  if( p->pQuery->bRecursive ) recurse(p, iParentRow, pOut);
  else include(p, iParentRow, pOut);
}

/* All that comes behind the fields of a row. */
static void includes(OrmLevel *p, int iRow, OrmBuf *pOut){
  OrmLevel *pChild;
  if( pOut->pErr->rc ) return;
  if( p->bLate ) ormCountsText(p, iRow, pOut);
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( pOut->pErr->rc ) return;
    ormObjectInclude(pChild, iRow, pOut);
  }
}

/* Append the whole object of a row whose includes are loaded. */
void ormObjectText(OrmLevel *p, int iRow, OrmBuf *pOut){
  member(p, iRow, pOut);
}

static const OrmTarget nothing = { "null", 4, -1 };

static ORM_INLINE void targetSet(const OrmLevel *p, OrmTarget *pTarget,
                                 int iRow){
  *pTarget = nothing;
  if( iRow<0 ) return;
  pTarget->z = textOf(p, &p->aRow[iRow]);
  pTarget->n = p->aRow[iRow].n;
  pTarget->iRow = iRow;
}

/* All targets have been loaded: those of a dense map in the order of their
** keys, for one look to lead from a key to the text. */
void ormObjectTargets(OrmLevel *p){
  const OrmMap *pMap = &p->map;
  if( !ormGrow(&p->pPlan->err, &p->aDirect, &p->nDirectAlloc, pMap->nDense,
               sizeof(*p->aDirect)) ) return;
  for(i64 i=0; i<pMap->nDense; i++){
    targetSet(p, &p->aDirect[i], pMap->aDense[i] - 1);
  }
}

/* The target by a hash, or by a value that is no integer. */
static ORM_NOINLINE const OrmTarget *targetOther(OrmLevel *p,
                                                 sqlite3_value **apVal,
                                                 const int *aAt){
  int iKey = ormMapFindAt(&p->map, apVal, aAt);
  targetSet(p, &p->other, iKey<0 || p->map.nDense>0 ? iKey
                                                    : p->aTargetRow[iKey]);
  return &p->other;
}

/* The target that the row refers to. */
static ORM_INLINE void targetFind(OrmLevel *p, sqlite3_value **apVal){
  const int *aAt = p->pParent->aSlot[p->iSlot].aVal;
  const OrmMap *pMap = &p->map;
  if( pMap->nDense && sqlite3_value_type(apVal[aAt[0]])==SQLITE_INTEGER ){
    u64 i = (u64)sqlite3_value_int64(apVal[aAt[0]]) - (u64)pMap->iMin;
    p->pTarget = i<(u64)pMap->nDense ? &p->aDirect[i] : &nothing;
    ORM_PREFETCH(p->pTarget);
  }else{
    p->pTarget = targetOther(p, apVal, aAt);
  }
}

/* The include of it, in one go. */
static ORM_INLINE void target(OrmLevel *p, OrmBuf *pOut){
  const OrmTarget *pTarget = p->pTarget;
  i64 n = pTarget->n;
  int bFirst = ORM_ALWAYS(pOut->n>0) && pOut->z[pOut->n - 1]=='{';
  int nKey = p->nKey - bFirst;
  char *z = ormBufReserve(pOut, nKey + KEY_STEP + n + ROW_END);
  if( z==0 ) return;
  memcpy(keyCopy(z, p->zKey + bFirst, nKey), pTarget->z, (size_t)n);
  pOut->n += nKey + n;
  if( pTarget->iRow>=0 ) rowEnd(p, pTarget->iRow, pOut);
}

/*
** Append the object of a row that comes now and includes to-one targets that
** are all loaded (direct.c), as far as its fields; the rest and a comma follow
** when the next row has come (bNext: one came before), or ormObjectDirectEnd().
**
** Targets lie anywhere in memory, and each takes as long to reach as a row to
** step: so what is known of them is asked for ahead, the row before the fields
** are written and its text after that.
*/
void ormObjectDirect(OrmLevel *p, sqlite3_value **apVal, int bNext,
                     OrmBuf *pOut){
  OrmLevel *pChild;
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( bNext ) target(pChild, pOut);
    targetFind(pChild, apVal);
  }
  if( bNext ) objectEnd(pOut);
  fields(p, pOut, apVal);
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    linesSoon(pChild->pTarget->z, pChild->pTarget->n);
  }
}

void ormObjectDirectEnd(OrmLevel *p, OrmBuf *pOut){
  OrmLevel *pChild;
  for(pChild=p->pChild; pChild; pChild=pChild->pNext){
    if( pOut->pErr->rc ) return;
    target(pChild, pOut);
  }
  objectEnd(pOut);
}
