/*
** The objects of one array that give plain fields alone, for bulk.c: looked
** over once from end to end, then read one by one.
**
** While it is looked over, nothing is kept but where each value stands, eight
** bytes for each; so the second time no name is read again and no end looked
** for.  Objects one behind the other that name the same fields, in whatever
** order, are a run; where names or their order change, the first value says so.
**
** When ormFlatOpen() has taken a document, all objects are known to be
** well-formed but for their scalars, and to name each field at most once and
** none that cannot be written.  Values stand in the document, or in the arena
** of the row, until the next one is read.
*/
#include "unit.h"

struct OrmFlatSpan {
  u32 iStart;                   /* in the document (at most 2 GB) | SPAN_NEW  */
  u32 n;                        /* bytes | SPAN_PLAIN                         */
};
#define SPAN_NEW   0x80000000u  /* other names than before begin              */
#define SPAN_PLAIN 0x80000000u  /* a string, whose text stands as it is       */
#define SPAN_VALUE 0x7fffffffu

static const char *spaceEnd(const OrmFlat *p, const char *z){
  return ormJsonSpaceEnd(z, p->zEnd);
}

/* The position of a field among those of the run, or -1. */
static int columnOf(const OrmFlat *p, int iField){
  for(int i=0; i<p->nGiven; i++) if( p->aField[i]==iField ) return i;
  return -1;
}

/* ------------------------------------------------------------------------
** The text
** --------------------------------------------------------------------- */

/* The n-th member of an object is expected to be this field. */
static void setName(OrmFlat *p, int n, int iField){
  const OrmField *pField = &p->pModel->aField[iField];
  struct OrmFlatName *pName = &p->aName[n];
  size_t nHead;
  p->aField[n] = iField;
  pName->z = pField->zJsonKey + 1;                 /* "name":                 */
  pName->n = pField->nJsonKey - 1;
  nHead = pName->n<8 ? (size_t)pName->n : 8;
  pName->iHead = pName->mHead = 0;
  memcpy(&pName->iHead, pName->z, nHead);
  memset(&pName->mHead, 0xff, nHead);
}

/* The member at z if it is the n-th of the run: where its value begins, or 0
** (then it may be so all the same). */
static inline const char *expectedValue(
  const OrmFlat *p, const char *z, int n
){
  const struct OrmFlatName *pName = &p->aName[n];
  u64 iHead;
  if( n>=p->nGiven || p->zEnd - z<=pName->n || p->zEnd - z<8 ) return 0;
  memcpy(&iHead, z, 8);
  if( (iHead & pName->mHead)!=pName->iHead ) return 0;
  if( pName->n>8
   && memcmp(z + 8, pName->z + 8, (size_t)pName->n - 8)!=0 ) return 0;
  return spaceEnd(p, z + pName->n);
}

/* The member at z, before the end of the document: its field, and where its
** value begins; 0 if it is not for us. */
static const char *memberValue(const OrmFlat *p, const char *z, int *piField){
  const char *zName = z + 1;
  assert( z<p->zEnd );
  if( *z!='"' || (z = ormJsonStringEnd(z, p->zEnd))==0
   || memchr(zName, '\\', (size_t)(z - zName)) ) return 0;
  *piField = ormFieldFind(p->pModel, zName, z - zName - 1);
  z = spaceEnd(p, z);
  if( *piField<0 || z>=p->zEnd || *z!=':' ) return 0;
  return spaceEnd(p, z + 1);
}

/* Behind a value: at the next member, or the brace that closes the object; 0:
** neither. */
static const char *memberEnd(const OrmFlat *p, const char *z){
  if( p->zEnd - z>1 && z[0]==',' && z[1]=='"' ) return z + 1;
  z = spaceEnd(p, z);
  if( z>=p->zEnd ) return 0;
  if( *z=='}' ) return z;
  if( *z!=',' ) return 0;
  z = spaceEnd(p, z + 1);
  return z<p->zEnd && *z=='"' ? z : 0;
}

/* Behind the value at z, which is remembered as the nSpan-th, or 0. */
static const char *valueEnd(OrmFlat *p, const char *z, i64 nSpan){
  OrmFlatSpan *pSpan = &p->aSpan[nSpan];
  u32 mPlain = SPAN_PLAIN;
  const char *zBehind = ormJsonPlainEnd(z, p->zEnd);
  if( zBehind==0 ){
    mPlain = 0;
    zBehind = ormJsonValueEnd(z, p->zEnd, ORM_JSON_MAX_DEPTH-2);
    if( zBehind==0 ) return 0;
  }
  pSpan->iStart = (u32)(z - p->zDoc);
  pSpan->n = (u32)(zBehind - z) | mPlain;
  return zBehind;
}

/* The fields of the object at z become those of the run, whose values' places
** are remembered too: 1, or 0 if it is not for us. */
static int takeShape(OrmFlat *p, const char *z){
  const OrmModel *pModel = p->pModel;
  p->nGiven = 0;
  z = spaceEnd(p, z + 1);
  while( z<p->zEnd && *z!='}' ){
    int iField;
    z = memberValue(p, z, &iField);
    if( z==0 || columnOf(p, iField)>=0 || pModel->aField[iField].bGenerated
     || pModel->aField[iField].bReadonly ) return 0;
    assert( p->nGiven<pModel->nField );
    setName(p, p->nGiven++, iField);
    z = ormJsonValueEnd(z, p->zEnd, ORM_JSON_MAX_DEPTH-2);
    if( z==0 || (z = memberEnd(p, z))==0 ) return 0;
  }
  return p->nGiven>0;
}

/* ------------------------------------------------------------------------
** Looked over
** --------------------------------------------------------------------- */

/* Is NULL another thing for a field than a value? */
static int isNullOdd(const OrmField *pField){
  return pField->iKey || pField->eAuto==ORM_AUTO_VERSION;
}

/* Do the fields of the run hold references? */
static int givesReference(const OrmFlat *p){
  for(int i=0; i<p->nGiven; i++){
    if( ormFieldRefers(p->pModel, p->aField[i]) ) return 1;
  }
  return 0;
}

/* Does a field of the run refer to the table itself? */
static int givesSelf(const OrmFlat *p){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<pModel->nFk; i++){
    const OrmFk *pFk = &pModel->aFk[i];
    if( sqlite3_stricmp(pFk->zTarget, pModel->zTable)!=0 ) continue;
    for(int j=0; j<pFk->n; j++){
      if( columnOf(p, pFk->aField[j])>=0 ) return 1;
    }
  }
  return 0;
}

/* Does a field of the run tell whether an object is there already? */
static int givesIdentity(const OrmFlat *p){
  for(int i=0; i<p->nGiven; i++){
    if( ormGraphIdentity(p->pModel, p->aField[i]) ) return 1;
  }
  return 0;
}

/* Are objects with the fields of this one for us?  Not if SQLite is to choose
** keys beside those that are given, which it could meet, nor if a run could
** refer to a row of a later one, nor if they have to be looked for. */
static int checkShape(OrmFlat *p, const char *z){
  if( !takeShape(p, z) ) return 0;
  if( p->bSave && givesIdentity(p) ) return 0;
  p->bRefers |= (u8)givesReference(p);
  if( !p->unit.bForeignKeys
   && (p->bRefers || ormCheckDefaults(p->pModel)) ) return 0;
  p->bSelf |= (u8)givesSelf(p);
  if( ++p->nShape>1 && p->bSelf ) return 0;
  if( p->pModel->bRowidKey ){
    p->mKeyed |= columnOf(p, p->pModel->aKey[0])>=0 ? 1 : 2;
  }
  return p->mKeyed!=3;
}

/* Room for the values of one more object. */
static int spanRoom(OrmFlat *p){
  i64 nAlloc = p->nAlloc ? p->nAlloc*2 : 1024;
  OrmFlatSpan *aSpan;
  if( p->nSpan + p->nGiven<=p->nAlloc ) return 1;
  aSpan = sqlite3_realloc64(p->aSpan, (u64)nAlloc*sizeof(*aSpan));
  if( aSpan==0 ){
    ormErrOom(&p->err);
    return 0;
  }
  p->aSpan = aSpan;
  p->nAlloc = nAlloc;
  return 1;
}

/* The member at z if it is of the n-th field of the run: behind it, and its
** value is remembered; else 0. */
static const char *checkMember(OrmFlat *p, const char *z, int n){
  const char *zValue = expectedValue(p, z, n);
  if( zValue==0 ){
    int iField;
    zValue = memberValue(p, z, &iField);
    if( zValue==0 || n>=p->nGiven || p->aField[n]!=iField ) return 0;
  }
  if( zValue>=p->zEnd ) return 0;
  if( *zValue=='n' && isNullOdd(&p->pModel->aField[p->aField[n]]) ) return 0;
  return valueEnd(p, zValue, p->nSpan + n);
}

/* An object of the same fields in the same order as the one before: 1, p->z is
** behind it, and its values are remembered. */
static int checkSame(OrmFlat *p){
  const char *z = spaceEnd(p, p->z + 1);
  int n = 0;
  if( !spanRoom(p) ) return 0;
  while( z<p->zEnd && *z!='}' ){
    z = checkMember(p, z, n++);
    if( z==0 || (z = memberEnd(p, z))==0 ) return 0;
  }
  if( n!=p->nGiven || n==0 ) return 0;
  p->z = z + 1;
  p->nSpan += n;
  return 1;
}

/* An object of other fields than the one before, or in another order. */
static int checkOther(OrmFlat *p){
  i64 iSpan = p->nSpan;
  if( p->err.rc || !checkShape(p, p->z) || !checkSame(p) ) return 0;
  p->aSpan[iSpan].iStart |= SPAN_NEW;
  return 1;
}

/* Is all of the document, an array, for us? */
static int checkAll(OrmFlat *p){
  int bNext = 1;
  if( p->pModel->nField>ORM_FLAT_MAX ) return 0;
  p->z = spaceEnd(p, p->z);
  if( p->z>=p->zEnd || *p->z!='[' ) return 0;
  p->z = spaceEnd(p, p->z + 1);
  while( bNext>0 ){
    if( p->z>=p->zEnd || *p->z!='{' ) return 0;
    if( !checkSame(p) && !checkOther(p) ) return 0;
    bNext = ormJsonNextElement(&p->z, p->zEnd);
  }
  return bNext==0;
}

/* ------------------------------------------------------------------------
** Read
** --------------------------------------------------------------------- */

/* The fields that write themselves, behind those that are given. */
static void addAuto(OrmFlat *p){
  p->nCol = p->nGiven;
  for(int i=0; i<p->pModel->nField; i++){
    const OrmField *pField = &p->pModel->aField[i];
    if( pField->eAuto==ORM_AUTO_NONE || columnOf(p, i)>=0 ) continue;
    assert( p->nCol<p->pModel->nField );
    p->aField[p->nCol++] = i;
  }
}

static void fillAuto(OrmFlat *p){
  for(int i=p->nGiven; i<p->nCol; i++){
    ormFlushAuto(&p->unit, &p->pModel->aField[p->aField[i]], &p->aVal[i]);
  }
}

/* Does the run leave a key NULL that SQLite would take (C91)? */
static int lacksKey(const OrmFlat *p){
  const OrmModel *pModel = p->pModel;
  for(int i=0; i<p->nCol; i++){
    if( pModel->aField[p->aField[i]].iKey ) return 0;
  }
  for(int i=0; i<pModel->nKey; i++){
    if( pModel->aField[pModel->aKey[i]].zDefault ) return 0;
  }
  return !pModel->bRowidKey;
}

/* The object that begins behind p->z. */
static const char *objectStart(const OrmFlat *p){
  const char *z = p->z;
  while( *z!='{' ) z++;
  return z;
}

/* The next object has other names than the one before, or in another order: its
** n-th value is for column aTo[n].  Begins a run if the names are others. */
static void nextShape(OrmFlat *p){
  int aField[ORM_FLAT_MAX];
  int nGiven = p->nGiven, bSame;
  memcpy(aField, p->aField, sizeof(aField));
  takeShape(p, objectStart(p));
  bSame = p->nGiven==nGiven;
  for(int i=0; i<p->nGiven && bSame; i++){
    int j = 0;
    while( j<nGiven && aField[j]!=p->aField[i] ) j++;
    p->aTo[i] = j;
    bSame = j<nGiven;
  }
  if( bSame ){
    memcpy(p->aField, aField, sizeof(aField));
    return;
  }
  for(int i=0; i<p->nGiven; i++){
    p->aTo[i] = i;
    p->aAsIs[i] = (u8)ormUnitAsIs(&p->pModel->aField[p->aField[i]]);
  }
  addAuto(p);
  if( lacksKey(p) ) p->bAbandon = 1;
  p->bNew = 1;
}

/* Is z[n] an integer of a few digits? */
static int fewDigits(const char *z, i64 n, i64 *pInt){
  i64 i = 0;
  if( n>9 || (*z=='0' && n>1) ) return 0;
  for(const char *zEnd=z+n; z<zEnd; z++){
    if( *z<'0' || *z>'9' ) return 0;
    i = i*10 + (*z - '0');
  }
  *pInt = i;
  return 1;
}

/* Read a value of the commonest kinds: 0 if it is none. */
static int takePlain(
  const OrmFlatSpan *pSpan, const char *z, struct OrmBind *pOut
){
  i64 n = pSpan->n & SPAN_VALUE;
  if( pSpan->n & SPAN_PLAIN ){
    pOut->eType = SQLITE_TEXT;
    pOut->n = (int)n - 2;
    pOut->u.z = z + 1;
    return 1;
  }
  pOut->eType = SQLITE_INTEGER;
  return fewDigits(z, n, &pOut->u.i);
}

/* Read a value: 0 if it is malformed or of the wrong type. */
static int takeValue(OrmFlat *p, const OrmFlatSpan *pSpan, int iCol){
  const OrmField *pField = &p->pModel->aField[p->aField[iCol]];
  const OrmJson *pNode = &p->node;
  const char *z = p->zDoc + (pSpan->iStart & SPAN_VALUE);
  i64 n = pSpan->n & SPAN_VALUE;
  p->z = z + n;
  if( p->aAsIs[iCol] && takePlain(pSpan, z, &p->aVal[iCol]) ) return 1;
  if( *z=='{' || *z=='[' ){
    pNode = ormJsonParse(&p->arena, z, n, "object");
    if( pNode==0 ) return 0;
  }else if( ormJsonScalar(&p->arena, z, p->zEnd, &p->node)!=p->z ){
    return 0;
  }
  return ormUnitValue(&p->unit, pField, pNode, &p->aVal[iCol])==0;
}

int ormFlatNext(OrmFlat *p){
  assert( !p->bAbandon );
  if( p->iSpan==p->nSpan ) return 0;
  ormArenaReset(&p->arena);
  if( p->aSpan[p->iSpan].iStart & SPAN_NEW ) nextShape(p);
  for(int i=0; i<p->nGiven && !p->bAbandon; i++){
    if( !takeValue(p, &p->aSpan[p->iSpan++], p->aTo[i]) ) p->bAbandon = 1;
  }
  if( !p->bAbandon ) fillAuto(p);
  if( p->err.rc ) p->bAbandon = 1;
  return !p->bAbandon;
}

/* ------------------------------------------------------------------------
** Opened and closed
** --------------------------------------------------------------------- */

int ormFlatOpen(
  OrmFlat *p, Orm *pOrm, OrmModel *pModel, int bSave, const char *z, i64 n
){
  assert( n<=SPAN_VALUE );
  memset(p, 0, sizeof(*p));
  ormArenaInit(&p->arena, &p->err);
  ormUnitInit(&p->unit, pOrm, &p->err, &p->arena, pModel->pCatalog,
              ORM_WRITE_CREATE);
  p->pModel = pModel;
  p->bSave = (u8)bSave;
  p->zDoc = p->z = z;
  p->zEnd = z + n;
  if( !checkAll(p) ) return 0;
  p->z = z;
  p->nGiven = 0;
  return 1;
}

void ormFlatClose(OrmFlat *p){
  sqlite3_free(p->aSpan);
  ormArenaFree(&p->arena);
}
