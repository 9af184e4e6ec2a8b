/*
** orm_schema(): the effective document, everything inferred filled in, in the
** words of orm_define().
**
** Columns, constraints and indexes are given as the file's own SQL says them;
** cells of metadata as they are written or, where they are not, as the catalog
** understands them.  orm_define() of it finds nothing to do; orm_define() of
** it in an empty file makes the same models.
*/
#include "ddl.h"

typedef struct Writer Writer;
struct Writer {
  Orm *pOrm;
  OrmErr *pErr;
  OrmBuf *pOut;
  OrmArena arena;
  u8 bComma;                    /* a member stands before the next            */
};

/* "name": with the comma before it that it needs. */
static void member(Writer *p, const char *zName){
  if( p->bComma ) ormBufChar(p->pOut, ',');
  ormJsonString(p->pOut, zName, (i64)strlen(zName));
  ormBufChar(p->pOut, ':');
  p->bComma = 1;
}

static void openWith(Writer *p, char c){
  ormBufChar(p->pOut, c);
  p->bComma = 0;
}

static void closeWith(Writer *p, char c){
  ormBufChar(p->pOut, c);
  p->bComma = 1;
}

static void text(Writer *p, const char *z){
  ormJsonString(p->pOut, z, (i64)strlen(z));
}

static void textMember(Writer *p, const char *zName, const char *zValue){
  member(p, zName);
  text(p, zValue);
}

static void flagMember(Writer *p, const char *zName, int b){
  if( !b ) return;
  member(p, zName);
  ormBufAdd(p->pOut, "true", 4);
}

/* One name plain, several as an array. */
static void namesMember(
  Writer *p, const char *zName, int n, const char *const *az
){
  if( n==0 ) return;
  member(p, zName);
  if( n==1 ){
    text(p, az[0]);
    return;
  }
  for(int i=0; i<n; i++){
    ormBufChar(p->pOut, i ? ',' : '[');
    text(p, az[i]);
  }
  ormBufChar(p->pOut, ']');
}

static void fieldsMember(
  Writer *p, const char *zName, const OrmModel *pModel, int n, const int *a
){
  const char *az[ORM_MAX_KEY];
  assert( n<=ORM_MAX_KEY );
  for(int i=0; i<n; i++) az[i] = pModel->aField[a[i]].zName;
  namesMember(p, zName, n, az);
}

/* An order_by cell: an array as it stands, or a text. */
static void orderMember(Writer *p, const char *zOrder){
  i64 n = zOrder ? (i64)strlen(zOrder) : 0;
  if( zOrder==0 ) return;
  member(p, "order_by");
  if( zOrder[strspn(zOrder, " \t\r\n")]=='[' && ormJsonValid(zOrder, n) ){
    ormBufAdd(p->pOut, zOrder, n);
  }else{
    text(p, zOrder);
  }
}

/* ------------------------------------------------------------------------
** Tables
*/

/* A definition that cannot be taken apart: what the catalog knows of it. */
static void plainColumns(Writer *p, const OrmModel *pModel){
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    member(p, pField->zName);
    text(p, pField->zDecl);
  }
}

/* What the definition says: columns, constraints, options. */
static void definition(Writer *p, const OrmDdl *pDdl, const char *zKey){
  member(p, "columns");
  openWith(p, '{');
  if( zKey ) textMember(p, zKey, "INTEGER PRIMARY KEY");
  for(int i=0; i<pDdl->nColumn; i++){
    textMember(p, pDdl->aColumn[i].zName, pDdl->aColumn[i].zDef);
  }
  closeWith(p, '}');
  if( pDdl->nConstraint ){
    member(p, "constraints");
    for(int i=0; i<pDdl->nConstraint; i++){
      ormBufChar(p->pOut, i ? ',' : '[');
      text(p, pDdl->azConstraint[i]);
    }
    ormBufChar(p->pOut, ']');
  }
  if( pDdl->zOptions[0] ) textMember(p, "options", pDdl->zOptions);
}

static void columns(Writer *p, const OrmModel *pModel){
  OrmDdl *pDdl = ormDdlOfTable(p->pOrm, &p->arena, pModel->zTable);
  if( pDdl ){
    definition(p, pDdl, 0);
    return;
  }
  member(p, "columns");
  openWith(p, '{');
  plainColumns(p, pModel);
  closeWith(p, '}');
}

void ormSchemaKeyed(
  OrmErr *pErr, OrmBuf *pOut, const char *zTable, const OrmDdl *pDdl,
  const char *zKey
){
  Writer writer = { 0, pErr, pOut, { 0, 0, 0, 0, 0 }, 0 };
  openWith(&writer, '{');
  textMember(&writer, "table", zTable);
  definition(&writer, pDdl, zKey);
  closeWith(&writer, '}');
}

static void indexColumns(Writer *p, const OrmDdlIndex *pIndex){
  for(int i=0; i<pIndex->nTerm; i++){
    ormBufChar(p->pOut, i ? ',' : '[');
    text(p, pIndex->azColumn[i] ? pIndex->azColumn[i] : pIndex->azTerm[i]);
  }
  ormBufChar(p->pOut, ']');
}

static void indexMember(Writer *p, const OrmDdlIndex *pIndex){
  member(p, pIndex->zName);
  if( !pIndex->bUnique && pIndex->zWhere==0 ){
    indexColumns(p, pIndex);
    return;
  }
  openWith(p, '{');
  member(p, "columns");
  indexColumns(p, pIndex);
  flagMember(p, "unique", pIndex->bUnique);
  if( pIndex->zWhere ) textMember(p, "where", pIndex->zWhere);
  closeWith(p, '}');
}

static void indexes(Writer *p, const OrmModel *pModel){
  int n = 0;
  const char **az;
  int nIndex = ormFactIndexes(p->pOrm, p->pErr, &p->arena, pModel->zTable, &az);
  for(int i=0; i<nIndex; i++){
    OrmDdlIndex *pIndex = ormDdlIndex(&p->arena, az[i]);
    if( pIndex==0 ) continue;
    if( n++==0 ){
      member(p, "indexes");
      openWith(p, '{');
    }
    indexMember(p, pIndex);
  }
  if( n ) closeWith(p, '}');
}

/* ------------------------------------------------------------------------
** Fields and relationships
*/
static void fields(Writer *p, const OrmModel *pModel){
  member(p, "fields");
  openWith(p, '{');
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    const char *zType = ormTypeName(pField->eType);
    if( zType==0 && !pField->bHidden && !pField->bReadonly && !pField->eAuto ){
      continue;
    }
    member(p, pField->zName);
    openWith(p, '{');
    if( zType ) textMember(p, "type", zType);
    flagMember(p, "hidden", pField->bHidden);
    flagMember(p, "readonly", pField->bReadonly);
    if( pField->eAuto ) textMember(p, "auto", ormAutoName(pField->eAuto));
    closeWith(p, '}');
  }
  closeWith(p, '}');
}

static void relationship(Writer *p, const OrmRel *pRel){
  const char *zBack = pRel->zBack ? pRel->zBack
                    : pRel->pBack ? pRel->pBack->zName : 0;
  member(p, pRel->zName);
  openWith(p, '{');
  textMember(p, "target", pRel->pTarget->zName);
  textMember(p, "direction", ormDirectionName(pRel->eDir));
  fieldsMember(p, "local_columns", pRel->pModel, pRel->nLocal, pRel->aLocal);
  fieldsMember(p, "remote_columns", pRel->pTarget, pRel->nRemote,
               pRel->aRemote);
  if( pRel->zSecondary ){
    textMember(p, "secondary", pRel->zSecondary);
    namesMember(p, "secondary_local", pRel->nLocal, pRel->azSecLocal);
    namesMember(p, "secondary_remote", pRel->nRemote, pRel->azSecRemote);
  }
  if( zBack ) textMember(p, "back_populates", zBack);
  orderMember(p, pRel->zOrderBy);
  textMember(p, "cascade", pRel->zCascade ? pRel->zCascade
      : pRel->bViewonly ? "merge" : "save-update, merge");
  if( pRel->ePassive==2 ) textMember(p, "passive_deletes", "all");
  else flagMember(p, "passive_deletes", pRel->ePassive);
  flagMember(p, "single_parent", pRel->bSingleParent);
  flagMember(p, "viewonly", pRel->bViewonly);
  closeWith(p, '}');
}

static void relationships(Writer *p, OrmModel *pModel){
  if( pModel->nRel==0 || !ormRelResolveAll(p->pOrm, p->pErr, pModel) ) return;
  member(p, "relationships");
  openWith(p, '{');
  for(int i=0; i<pModel->nRel; i++) relationship(p, pModel->apRel[i]);
  closeWith(p, '}');
}

/* ------------------------------------------------------------------------
** Models
*/
void ormSchemaModel(
  Orm *pOrm, OrmErr *pErr, OrmCatalog *pCatalog, const char *zName, OrmBuf *pOut
){
  Writer writer = { pOrm, pErr, pOut, { 0, 0, 0, 0, 0 }, 0 };
  Writer *p = &writer;
  OrmModel *pModel = ormModelFind(pOrm, pErr, pCatalog, zName, -1);
  if( pModel==0 ) return;
  ormArenaInit(&p->arena, pErr);
  openWith(p, '{');
  textMember(p, "table", pModel->zTable);
  if( !pModel->bView ){
    columns(p, pModel);
    indexes(p, pModel);
  }
  fieldsMember(p, "primary_key", pModel, pModel->nKey, pModel->aKey);
  fieldsMember(p, "natural_key", pModel, pModel->nNatural, pModel->aNatural);
  if( pModel->iSoftDelete>=0 ){
    textMember(p, "soft_delete", pModel->aField[pModel->iSoftDelete].zName);
  }
  orderMember(p, pModel->zOrderBy);
  fields(p, pModel);
  relationships(p, pModel);
  closeWith(p, '}');
  ormArenaFree(&p->arena);
}

void ormSchema(Orm *pOrm, OrmErr *pErr, OrmBuf *pOut){
  OrmCatalog *pCatalog = ormCatalogPin(pOrm, pErr);
  if( pCatalog==0 ) return;
  ormFactHold(pOrm, pErr);
  ormBufChar(pOut, '{');
  for(int i=0; i<ormCatalogCount(pCatalog) && pErr->rc==SQLITE_OK; i++){
    const char *zName = ormCatalogName(pCatalog, i);
    if( i ) ormBufChar(pOut, ',');
    ormJsonString(pOut, zName, (i64)strlen(zName));
    ormBufChar(pOut, ':');
    ormSchemaModel(pOrm, pErr, pCatalog, zName, pOut);
  }
  ormBufChar(pOut, '}');
  ormFactRelease(pOrm);
  ormCatalogUnpin(pOrm, pCatalog);
}
