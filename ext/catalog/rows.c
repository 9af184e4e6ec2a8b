/*
** What a document says of models, fields and relationships against the rows
** of metadata that the file has: one INSERT or UPDATE for each row that has to
** change, as text.
**
** A cell is written where the document says something else than what holds
** already, be that written or inferred: pHolds is the model as orm_schema()
** words it.  Where that is not to be had (a model that is new, or broken) the
** cells themselves are compared.
*/
#include "document.h"

#define MAX_CELL 14
/* Cells of a relationship by their number in ormDocRelCell. */
enum { TARGET = 0, SECONDARY = 4, BACK_POPULATES = 7 };

typedef struct Row Row;
struct Row {
  OrmDoc *p;
  const OrmDocRows *pRows;
  const char *zKind;            /* model, field, relationship                 */
  const OrmDocCell *aCell;
  const char *zModel, *zName;   /* its key; zName 0: orm_model                */
  const char *zModelWas, *zNameWas;          /* as the file has it            */
  const OrmJson *pNode;         /* the document's word                        */
  const OrmJson *pHolds;        /* what holds now, or 0                       */
  const char *azExtra[2];       /* table_name; secondary_local, _remote       */
  u8 bKeep;                     /* an all-empty row is one too                */
  u8 bMoved;                    /* a relationship that leads elsewhere now    */
  u8 bTyped;                    /* a field whose inferred type will be another*/
};

/* ------------------------------------------------------------------------
** Renames to come
*/
void ormDocRename(
  OrmDoc *p, const char *zModel, const char *zOld, const char *zNew
){
  OrmDocRename *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  OrmDocRename **pp = &p->pRename;
  if( pNew==0 ) return;
  while( *pp ) pp = &(*pp)->pNext;          /* in the order of their doing  */
  pNew->zOld = zOld;
  pNew->zNew = zNew;
  pNew->zModel = zModel;
  *pp = pNew;
}

/* A name, or the one that it will have.  zModel: it is a relationship's of
** this model. */
static const char *renamed(
  const OrmDoc *p, const char *zModel, const char *zName
){
  for(const OrmDocRename *q=p->pRename; zName && q; q=q->pNext){
    if( (q->zModel==0)!=(zModel==0) || strcmp(q->zOld, zName)!=0 ) continue;
    if( zModel==0 || strcmp(q->zModel, zModel)==0 ) return q->zNew;
  }
  return zName;
}

/* A document's text with every string that is a name to change changed. */
static const char *renamedText(OrmDoc *p, const char *z, i64 *pn){
  OrmBuf buf;
  const char *zKey = "", *zTarget = 0;
  ormBufInit(&buf, p->pErr);
  for(const char *zEnd=z+*pn; z<zEnd; ){
    const char *zName = 0;
    const OrmJson *pName;
    i64 n = 1;
    if( *z!='"' ){
      ormBufChar(&buf, *z++);
      continue;
    }
    while( z[n]!='"' ) n += z[n]=='\\' ? 2 : 1;
    pName = ormJsonParse(p->pArena, z, n+1, "schema");
    if( pName ){
      zName = renamed(p, strcmp(zKey, "back_populates")==0 ? zTarget : 0,
                      pName->z);
      if( zName==pName->z && *zName=='-' ){         /* of an order          */
        zName = ormArenaPrintf(p->pArena, "-%s", renamed(p, 0, &zName[1]));
      }
    }
    if( zName==0 ) break;
    if( strcmp(zKey, "target")==0 ) zTarget = zName;
    zKey = zName;
    ormJsonString(&buf, zName, (i64)strlen(zName));
    z += n+1;
  }
  *pn = buf.n;
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z;
}

/* ------------------------------------------------------------------------
** The row as it is
*/

/* Its cells as text, 0 for NULL, in azNow: 1 if there is such a row. */
static int rowRead(Row *pRow, const char **azNow, const char *zExtra){
  OrmDoc *p = pRow->p;
  OrmBuf sql;
  sqlite3_stmt *pStmt;
  int bThere, n = 0;
  char zMeta[40];
  sqlite3_snprintf(sizeof(zMeta), zMeta, "orm_%s", pRow->zKind);
  if( pRow->zModelWas==0 || (pRow->zName && pRow->zNameWas==0) ) return 0;
  if( ormFactKind(p->pOrm, p->pErr, zMeta)!=ORM_KIND_TABLE ) return 0;
  ormBufInit(&sql, p->pErr);
  for(; pRow->aCell[n].zName; n++){
    ormBufPrintf(&sql, "%s%s", n ? ", " : "SELECT ", pRow->aCell[n].zName);
  }
  ormBufPrintf(&sql, "%s FROM main.%s WHERE %s=%Q", zExtra, zMeta,
               pRow->zName ? "model" : "name", pRow->zModelWas);
  if( pRow->zName ) ormBufPrintf(&sql, " AND name=%Q", pRow->zNameWas);
  pStmt = ormFactOpen(p->pOrm, p->pErr, "%s", ormBufText(&sql));
  bThere = ormFactStep(p->pOrm, p->pErr, pStmt);
  for(int i=0; bThere && i<sqlite3_column_count(pStmt); i++){
    const char *zOf = pRow->aCell==ormDocRelCell && i==BACK_POPULATES
        ? azNow[TARGET] : 0;
    azNow[i] = renamed(p, zOf, ormFactText(p->pArena, pStmt, i));
  }
  sqlite3_finalize(pStmt);
  ormBufFree(&sql);
  return bThere;
}

/* ------------------------------------------------------------------------
** The row as it is to be
*/
static int isFlag(const OrmDocCell *pCell, const char *z){
  return pCell->eShape==ORM_CELL_FLAG
      || (pCell->eShape==ORM_CELL_PASSIVE && strcmp(z, "all")!=0);
}

static int sameText(const char *zA, const char *zB){
  return zA==zB || (zA && zB && strcmp(zA, zB)==0);
}

/* Has cell i to be written?  Its new text goes to *pz. */
static int cellDiffers(Row *pRow, int i, const char *zNow, const char **pz){
  const OrmDocCell *pCell = &pRow->aCell[i];
  const OrmJson *pDoc = ormJsonMember(pRow->pNode, pCell->zName);
  const OrmJson *pHolds = pRow->pHolds ? ormJsonMember(pRow->pHolds,
                                                       pCell->zName) : 0;
  if( pDoc==0 && pCell->bInferred && pRow->bMoved ){
    *pz = 0;                    /* it was about where it led before         */
    return zNow!=0;
  }
  if( pDoc==0 && (!pRow->pRows->bWhole || pCell->bInferred) ) return 0;
  if( pRow->pHolds && !(pRow->pRows->bRaw && pCell->bInferred)
   && !(pRow->bTyped && strcmp(pCell->zName, "type")==0)
   && ormDocCellSame(pRow->p->pArena, pCell, pDoc, pHolds) ) return 0;
  *pz = ormDocCellText(pRow->p->pArena, pCell, pDoc);
  return !sameText(*pz, zNow);
}

static void addValue(OrmBuf *pBuf, const OrmDocCell *pCell, const char *z){
  if( z==0 ) ormBufAdd(pBuf, "NULL", 4);
  else if( isFlag(pCell, z) ) ormBufAdd(pBuf, z, -1);
  else ormBufLiteral(pBuf, z);
}

static const OrmDocCell aModelExtra[] = {{ "table_name", ORM_CELL_TEXT, 0 }};
static const OrmDocCell aRelExtra[] = {
  { "secondary_local", ORM_CELL_TEXT, 0 },
  { "secondary_remote", ORM_CELL_TEXT, 0 }
};

/* "a='x', b=1" or, for an INSERT, "a, b" and "'x', 1". */
typedef struct Cells Cells;
struct Cells { OrmBuf names, values, sets; int n; };

static void cellsAdd(Cells *pCells, const OrmDocCell *pCell, const char *z){
  const char *zComma = pCells->n++ ? ", " : "";
  ormBufPrintf(&pCells->names, ", %s", pCell->zName);
  ormBufAdd(&pCells->values, ", ", 2);
  addValue(&pCells->values, pCell, z);
  ormBufPrintf(&pCells->sets, "%s%s=", zComma, pCell->zName);
  addValue(&pCells->sets, pCell, z);
}

static void cellsCollect(Row *pRow, Cells *pCells, const char **azNow){
  const OrmDocCell *aExtra = pRow->zName ? aRelExtra : aModelExtra;
  int nCell = 0;
  const char *z = 0;
  while( pRow->aCell[nCell].zName ) nCell++;
  if( pRow->zName==0 && sqlite3_stricmp(azNow[nCell], pRow->azExtra[0])!=0 ){
    cellsAdd(pCells, &aExtra[0], pRow->azExtra[0]);
  }
  for(int i=0; i<nCell; i++){
    if( cellDiffers(pRow, i, azNow[i], &z) ){
      cellsAdd(pCells, &pRow->aCell[i], z);
    }
  }
  for(int i=0; i<2 && pRow->azExtra[i] && pRow->zName; i++){
    if( ormJsonMember(pRow->pNode, aExtra[i].zName)==0 ){
      cellsAdd(pCells, &aExtra[i], pRow->azExtra[i]);
    }
  }
}

/* Does the document name another target or link table than the row? */
static int leadsElsewhere(Row *pRow, const char **azNow){
  static const int aCell[] = { TARGET, SECONDARY };
  for(int i=0; i<ORM_COUNT(aCell); i++){
    const OrmDocCell *pCell = &ormDocRelCell[aCell[i]];
    const OrmJson *pDoc = ormJsonMember(pRow->pNode, pCell->zName);
    if( pDoc && pDoc->eType==ORM_JSON_STRING && azNow[aCell[i]]
     && sqlite3_stricmp(pDoc->z, azNow[aCell[i]])!=0 ) return 1;
  }
  return 0;
}

static void rowDiff(Row *pRow){
  OrmDoc *p = pRow->p;
  const char *azNow[MAX_CELL+2] = {0};
  const char *zMeta = pRow->zKind;
  int bThere = rowRead(pRow, azNow, pRow->zName ? ""
                                    : ", coalesce(table_name, name)");
  Cells cells;
  OrmBuf sql;
  pRow->bMoved = bThere && pRow->aCell==ormDocRelCell
              && leadsElsewhere(pRow, azNow);
  memset(&cells, 0, sizeof(cells));
  ormBufInit(&cells.names, p->pErr);
  ormBufInit(&cells.values, p->pErr);
  ormBufInit(&cells.sets, p->pErr);
  ormBufInit(&sql, p->pErr);
  cellsCollect(pRow, &cells, azNow);
  if( bThere && cells.n ){
    ormBufPrintf(&sql, "UPDATE main.orm_%s SET %s WHERE %s=%Q", zMeta,
        ormBufText(&cells.sets), pRow->zName ? "model" : "name", pRow->zModel);
    if( pRow->zName ) ormBufPrintf(&sql, " AND name=%Q", pRow->zName);
  }else if( !bThere && (cells.n || pRow->bKeep) ){
    ormBufPrintf(&sql, "INSERT INTO main.orm_%s(%s%s) VALUES(%Q", zMeta,
        pRow->zName ? "model, name" : "name", ormBufText(&cells.names),
        pRow->zModel);
    if( pRow->zName ) ormBufPrintf(&sql, ", %Q", pRow->zName);
    ormBufPrintf(&sql, "%s)", ormBufText(&cells.values));
  }
  if( sql.n && p->pErr->rc==SQLITE_OK ){
    pRow->pRows->xRow(pRow->pRows->pArg, zMeta, pRow->zModel,
        pRow->zName ? pRow->zName : pRow->zModel, ormBufText(&sql),
        pRow->pNode);
  }
  ormBufFree(&cells.names);
  ormBufFree(&cells.values);
  ormBufFree(&cells.sets);
  ormBufFree(&sql);
}

/* ------------------------------------------------------------------------
** The rows of a model
*/
static const OrmJson *holdsPart(const OrmDocModel *pModel, const char *zPart,
                                const char *zName){
  const OrmJson *p = pModel->pHolds ? ormJsonMember(pModel->pHolds, zPart) : 0;
  return p && zName ? ormJsonMember(p, zName) : 0;
}

/* The row of a field or relationship in the file: is there one? */
typedef struct Named Named;
struct Named { OrmDoc *p; const char *zMeta, *zModel; };

static int rowIsThere(void *pArg, const char *zName){
  Named *pNamed = (Named*)pArg;
  OrmDoc *p = pNamed->p;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT 1 FROM main.%s WHERE model=%Q AND name=%Q", pNamed->zMeta,
      pNamed->zModel, zName);
  int b = ormFactStep(p->pOrm, p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  return b;
}

/* The name that the row of a field or relationship has in the file, its own or
** the one that it is renamed from; 0 if there is none. */
static const char *nameWas(
  OrmDoc *p, const char *zMeta, const OrmDocModel *pModel, const OrmJson *pNode
){
  Named named = { p, zMeta, pModel->zWas };
  if( pModel->zWas==0 ) return 0;
  if( ormFactKind(p->pOrm, p->pErr, zMeta)!=ORM_KIND_TABLE ) return 0;
  return ormDocWas(pNode, rowIsThere, &named);
}

const char *ormDocRelWas(
  OrmDoc *p, const OrmDocModel *pModel, const OrmJson *pRel
){
  return nameWas(p, "orm_relationship", pModel, pRel);
}

/* Does the column of a field come to be of another field type? */
static int typeMoves(const OrmDocModel *pModel, const OrmDdl *pNow,
                     const OrmJson *pField){
  const OrmDdl *pDoc = pModel->pTable ? pModel->pTable->pDdl : 0;
  const OrmJson *pFrom = ormJsonMember(pField, "renamed_from");
  int iDoc = pDoc ? ormDdlColumn(pDoc, pField->zKey) : -1;
  int iNow = pNow ? ormDdlColumn(pNow, pField->zKey) : -1;
  if( pNow && pFrom && iNow<0 ) iNow = ormDdlColumn(pNow, pFrom->z);
  return iDoc>=0 && iNow>=0 && ormFactType(pDoc->aColumn[iDoc].zType)
      != ormFactType(pNow->aColumn[iNow].zType);
}

static void fieldRows(OrmDoc *p, const OrmDocModel *pModel,
                      const OrmDocRows *pRows){
  const OrmJson *pFields = ormJsonMember(pModel->pNode, "fields");
  const char *zTable = pFields && pModel->zWas
      ? ormDocFileTable(p, pModel->zWas, 0) : 0;
  const OrmDdl *pNow = zTable ? ormDdlOfTable(p->pOrm, p->pArena, zTable) : 0;
  for(const OrmJson *q=pFields ? pFields->pChild : 0; q; q=q->pNext){
    Row row;
    memset(&row, 0, sizeof(row));
    row.p = p;
    row.pRows = pRows;
    row.zKind = "field";
    row.aCell = ormDocFieldCell;
    row.zModel = pModel->zName;
    row.zModelWas = pModel->zWas;
    row.zName = q->zKey;
    row.zNameWas = ormJsonMember(q, "renamed_from")
        ? nameWas(p, "orm_field", pModel, q) : q->zKey;
    row.pNode = q;
    row.pHolds = holdsPart(pModel, "fields", q->zKey);
    row.bTyped = (u8)typeMoves(pModel, pNow, q);
    rowDiff(&row);
  }
}

static void relRows(OrmDoc *p, const OrmDocModel *pModel,
                    const OrmDocRows *pRows){
  const OrmJson *pRels = ormJsonMember(pModel->pNode, "relationships");
  for(const OrmJson *q=pRels ? pRels->pChild : 0; q; q=q->pNext){
    Row row;
    memset(&row, 0, sizeof(row));
    row.p = p;
    row.pRows = pRows;
    row.zKind = "relationship";
    row.aCell = ormDocRelCell;
    row.zModel = pModel->zName;
    row.zModelWas = pModel->zWas;
    row.zName = q->zKey;
    row.zNameWas = ormDocRelWas(p, pModel, q);
    row.pNode = q;
    row.pHolds = holdsPart(pModel, "relationships",
                           row.zNameWas);
    row.bKeep = 1;
    ormDocLinkCells(p, q, &row.azExtra[0], &row.azExtra[1]);
    rowDiff(&row);
  }
}

void ormDocRows(OrmDoc *p, const OrmDocModel *pModel, const OrmDocRows *pRows){
  Row row;
  memset(&row, 0, sizeof(row));
  row.p = p;
  row.pRows = pRows;
  row.zKind = "model";
  row.aCell = ormDocModelCell;
  row.zModel = pModel->zName;
  row.zModelWas = pModel->zWas;
  row.pNode = pModel->pNode;
  row.pHolds = pModel->pHolds;
  row.azExtra[0] = pModel->zTable;
  row.bKeep = 1;
  rowDiff(&row);
  fieldRows(p, pModel, pRows);
  relRows(p, pModel, pRows);
}

/* What holds now of each model of the document, as orm_schema() words it; 0
** where there is no such model or it cannot be used yet. */
void ormDocHolds(OrmDoc *p){
  OrmCatalog *pCatalog;
  OrmBuf buf;
  if( p->pErr->rc
   || ormFactKind(p->pOrm, p->pErr, "orm_state")!=ORM_KIND_TABLE ) return;
  pCatalog = ormCatalogPin(p->pOrm, p->pErr);
  if( pCatalog==0 ) return;
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<p->nModel && p->pErr->rc==SQLITE_OK; i++){
    OrmDocModel *pModel = &p->aModel[i];
    OrmErr err = {0};
    const char *z;
    i64 n;
    pModel->pHolds = 0;
    if( pModel->zWas==0 ) continue;
    ormBufReset(&buf);
    buf.pErr = &err;
    ormSchemaModel(p->pOrm, &err, pCatalog, pModel->zWas, &buf);
    buf.pErr = p->pErr;
    if( ormErrForgive(&err, p->pErr) ) continue;
    z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
    n = buf.n;
    if( z && p->pRename ) z = renamedText(p, z, &n);
    if( z ) pModel->pHolds = ormJsonParse(p->pArena, z, n, "schema");
  }
  ormBufFree(&buf);
  ormCatalogUnpin(p->pOrm, pCatalog);
}
