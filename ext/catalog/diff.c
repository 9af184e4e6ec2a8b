/*
** orm_diff(): the steps that lead from the file to a document.
**
** The document is the whole: what it does not have goes.  A model that is not
** named goes with its table (unless "keep" is asked for); a model that names
** its columns names all of them, with constraints and options; so do
** "indexes", "fields" and "relationships", where they are there at all.  A
** loss of data is a destructive step.
**
** Renames come first.  All that follows is reckoned as if they were done: the
** tables are read as they are and the names in them replaced.  orm_migrate()
** need not trust that, it does the renames and asks again.
*/
#include "diff.h"

/* ------------------------------------------------------------------------
** Steps
*/
OrmStep *ormStepNew(
  OrmDiff *p, int bMore, const char *zKind, const char *zModel,
  const char *zSubject, const char *zSql
){
  OrmStep *pNew = ormArenaAlloc(p->pArena, sizeof(*pNew));
  if( pNew==0 ) return 0;
  if( !bMore ) p->nStep++;
  pNew->iStep = p->nStep;
  pNew->zKind = zKind;
  pNew->zModel = zModel;
  pNew->zSubject = zSubject;
  pNew->zSql = zSql;
  *p->ppLast = pNew;
  p->ppLast = &pNew->pNext;
  return pNew;
}

const char *ormQuoted(OrmArena *pArena, const char *zName){
  OrmBuf buf;
  const char *z;
  ormBufInit(&buf, pArena->pErr);
  ormBufName(&buf, zName);
  z = ormArenaText(pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

static int hasMetadata(OrmDiff *p){
  return ormFactKind(p->pOrm, p->pErr, "orm_model")==ORM_KIND_TABLE
      && ormFactKind(p->pOrm, p->pErr, "orm_relationship")==ORM_KIND_TABLE
      && ormFactKind(p->pOrm, p->pErr, "orm_field")==ORM_KIND_TABLE;
}

/* ------------------------------------------------------------------------
** Renames
*/
typedef struct Renames Renames;
struct Renames { OrmDiff *p; OrmRename *pFirst, **ppLast; };

static void renameAdd(
  Renames *pAll, const char *zOld, const char *zNew, const char *zOldColumn,
  const char *zNewColumn
){
  OrmRename *pNew = ormArenaAlloc(pAll->p->pArena, sizeof(*pNew));
  if( pNew==0 ) return;
  pNew->zOld = zOld;
  pNew->zNew = zNew;
  pNew->zOldColumn = zOldColumn;
  pNew->zNewColumn = zNewColumn;
  *pAll->ppLast = pNew;
  pAll->ppLast = &pNew->pNext;
  if( zOldColumn ) ormDocRename(pAll->p->pDoc, 0, zOldColumn, zNewColumn);
  else ormDocRename(pAll->p->pDoc, 0, zOld, zNew);
}

/* Bytes of what stands at z in a canonical text up to a blank: a text literal
** may have some inside. */
static size_t wordLength(const char *z){
  size_t n = 1;
  if( *z!='\'' ) return strcspn(z, " ");
  while( z[n] && (z[n]!='\'' || z[++n]=='\'') ) n++;
  return n;
}

/* A canonical text with one name for another from z on. */
static const char *replaceWord(
  OrmDiff *p, const char *zText, const char *zOld, const char *zNew
){
  size_t nOld = strlen(zOld);
  const char *z = zText;
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  while( *z ){
    size_t n = nOld;
    if( sqlite3_strnicmp(z, zOld, (int)n)==0 && (z[n]==' ' || z[n]==0) ){
      for(const char *y=zNew; *y; y++){
        ormBufChar(&buf, *y>='A' && *y<='Z' ? (char)(*y | 32) : *y);
      }
    }else{
      n = wordLength(z);
      ormBufAdd(&buf, z, (i64)n);
    }
    z += n;
    if( *z ) ormBufChar(&buf, *z++);
  }
  z = ormArenaText(p->pArena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : zText;
}

/* "( a ) references t ( b ) ..": what stands from the target on; 0 only after
** an error. */
static const char *referenceTail(const char *zText){
  const char *z = strstr(zText, "references ");
  return z ? z + 11 : 0;
}

static int tailIsOf(const char *zTail, const char *zTable){
  size_t n = strlen(zTable);
  return sqlite3_strnicmp(zTail, zTable, (int)n)==0
      && (zTail[n]==0 || zTail[n]==' ');
}

static void renameInClause(Renames *pAll, const char *zTable,
                           OrmDdlClause *pClause){
  OrmDiff *p = pAll->p;
  for(const OrmRename *q=pAll->pFirst; q; q=q->pNext){
    const char *zTail = pClause->eKind==ORM_DDL_REFERENCES
        ? referenceTail(pClause->zText) : 0;
    const char *zHead = pClause->zText;
    int bOwn = sqlite3_stricmp(q->zNew, zTable)==0;
    if( zTail ){
      zHead = ormArenaText(p->pArena, pClause->zText, zTail - pClause->zText);
      if( zHead==0 ) return;
      if( tailIsOf(zTail, q->zOldColumn ? q->zNew : q->zOld) ){
        if( q->zOldColumn==0 ) zTail = replaceWord(p, zTail, q->zOld, q->zNew);
        else zTail = replaceWord(p, zTail, q->zOldColumn, q->zNewColumn);
      }
    }
    if( bOwn && q->zOldColumn ){
      zHead = replaceWord(p, zHead, q->zOldColumn, q->zNewColumn);
    }
    pClause->zText = zTail
        ? ormArenaPrintf(p->pArena, "%s%s", zHead, zTail) : zHead;
    if( pClause->zText==0 ) pClause->zText = "";
  }
}

/* A table as it will be when the renames are done. */
static OrmDdl *renamedDdl(Renames *pAll, const char *zWas, const char *zTable){
  OrmDiff *p = pAll->p;
  OrmDdl *pDdl = ormDdlOfTable(p->pOrm, p->pArena, zWas);
  if( pDdl==0 ) return 0;
  for(const OrmRename *q=pAll->pFirst; q; q=q->pNext){
    int i = q->zOldColumn && sqlite3_stricmp(q->zNew, zTable)==0
          ? ormDdlColumn(pDdl, q->zOldColumn) : -1;
    if( i>=0 ) pDdl->aColumn[i].zName = q->zNewColumn;
  }
  for(int i=0; i<pDdl->nClause; i++){
    renameInClause(pAll, zTable, &pDdl->aClause[i]);
  }
  return pDdl;
}

static void renameColumn(
  Renames *pAll, const OrmDocModel *pModel, const char *zWas,
  const OrmJson *pField, OrmDdlColumn *pColumn
){
  OrmDiff *p = pAll->p;
  const char *zOld = pColumn->zName, *zNew = pField->zKey;
  const char *zSql = ormArenaPrintf(p->pArena,
      "ALTER TABLE main.%s RENAME COLUMN %s TO %s;\n%s",
      ormQuoted(p->pArena, pModel->zTable), ormQuoted(p->pArena, zOld),
      ormQuoted(p->pArena, zNew), ormFollowColumn(p, pModel, zOld, zNew));
  OrmStep *pStep = ormStepNew(p, 0, "column", pModel->zName,
      ormArenaPrintf(p->pArena, "%s.%s -> %s", pModel->zTable, zOld, zNew),
      zSql);
  pColumn->zName = zNew;
  if( pStep==0 ) return;
  pStep->bRename = 1;
  pStep->pNode = pField;
  renameAdd(pAll, zWas, pModel->zTable, zOld, zNew);
}

/* A name that is taken may be free later: b becomes c, then a becomes b. */
static void renameColumns(
  Renames *pAll, const OrmDocModel *pModel, const char *zWas
){
  OrmDiff *p = pAll->p;
  const OrmJson *pFields = ormJsonMember(pModel->pNode, "fields");
  OrmDdl *pDdl = pFields ? ormDdlOfTable(p->pOrm, p->pArena, zWas) : 0;
  int bMore = pDdl!=0;
  while( bMore ){
    bMore = 0;
    for(const OrmJson *q=pFields->pChild; q; q=q->pNext){
      const OrmJson *pFrom = ormJsonMember(q, "renamed_from");
      int i = pFrom ? ormDdlColumn(pDdl, pFrom->z) : -1;
      if( i<0 || ormDdlColumn(pDdl, q->zKey)>=0 ) continue;
      if( pDdl->aColumn[i].zName!=pDdl->aColumn[i].zWas ) continue;
      renameColumn(pAll, pModel, zWas, q, &pDdl->aColumn[i]);
      bMore = 1;
    }
  }
}

/* A new step for a rename, "old -> new"; 0: it is there already. */
static OrmStep *renameStep(
  OrmDiff *p, const char *zKind, const OrmDocModel *pModel, const char *zOld,
  const char *zNew, const char *zSql
){
  const char *zSubject = ormArenaPrintf(p->pArena, "%s -> %s", zOld, zNew);
  OrmStep *pStep = p->pFirst;
  if( zSubject==0 ) return 0;
  for(; pStep; pStep=pStep->pNext){
    if( strcmp(pStep->zKind, zKind)==0
     && strcmp(pStep->zModel, pModel->zName)==0
     && strcmp(pStep->zSubject, zSubject)==0 ) return 0;
  }
  pStep = ormStepNew(p, 0, zKind, pModel->zName, zSubject, zSql);
  if( pStep ) pStep->bRename = 1;
  return pStep;
}

/* Whatever has the name that another is to get is renamed before it. */
static void renameRel(OrmDiff *p, const OrmDocModel *pModel,
                      const OrmJson *pRel){
  const char *zWas = ormDocRelWas(p->pDoc, pModel, pRel);
  if( zWas==0 || strcmp(zWas, pRel->zKey)==0 ) return;
  for(const OrmJson *q=pRel->pParent->pChild; q; q=q->pNext){
    const char *z = q==pRel ? 0 : ormDocRelWas(p->pDoc, pModel, q);
    if( z && strcmp(z, pRel->zKey)==0 ) renameRel(p, pModel, q);
  }
  if( renameStep(p, "relationship", pModel, zWas, pRel->zKey,
          ormArenaPrintf(p->pArena, "UPDATE main.orm_relationship SET name=%Q"
              " WHERE model=%Q AND name=%Q;\n", pRel->zKey, pModel->zName,
              zWas)) ){
    ormDocRename(p->pDoc, pModel->zName, zWas, pRel->zKey);
  }
}

static void renameModel(OrmDiff *p, const OrmDocModel *pModel){
  const char *zWas = pModel->zWas, *zName = pModel->zName;
  if( zWas==0 || strcmp(zWas, zName)==0 ) return;
  for(int i=0; i<p->pDoc->nModel; i++){
    const OrmDocModel *q = &p->pDoc->aModel[i];
    if( q->zWas && strcmp(q->zWas, zName)==0 ) renameModel(p, q);
  }
  if( renameStep(p, "model", pModel, zWas, zName,
          ormArenaPrintf(p->pArena, "UPDATE main.orm_model SET name=%Q,"
              " table_name=coalesce(table_name, name) WHERE name=%Q;\n", zName,
              zWas)) ){
    ormDocRename(p->pDoc, 0, zWas, zName);
  }
}

/* Is there no table of this name, or none once the others are renamed? */
static int isFree(OrmDiff *p, const char *zTable, int nDepth){
  int eKind = ormFactKind(p->pOrm, p->pErr, zTable);
  if( eKind!=ORM_KIND_TABLE || nDepth>p->pDoc->nModel ){
    return eKind==ORM_KIND_NONE;
  }
  for(int i=0; i<p->pDoc->nModel; i++){
    const OrmDocModel *q = &p->pDoc->aModel[i];
    const char *z = q->zWas ? ormDocFileTable(p->pDoc, q->zWas, 0) : 0;
    if( z && sqlite3_stricmp(z, zTable)==0
     && sqlite3_stricmp(q->zTable, zTable)!=0 ){
      return isFree(p, q->zTable, nDepth+1);
    }
  }
  return 0;
}

/* The table of a model in the file, 0 if it has none or is new. */
static const char *tableWas(OrmDiff *p, const OrmDocModel *pModel){
  const char *z = pModel->zWas ? ormDocFileTable(p->pDoc, pModel->zWas, 0) : 0;
  if( z==0 || sqlite3_stricmp(z, pModel->zTable)==0 ) return pModel->zTable;
  if( ormFactKind(p->pOrm, p->pErr, z)==ORM_KIND_TABLE
   && isFree(p, pModel->zTable, 0) ) return z;
  return pModel->zTable;
}

static void renameTable(Renames *pAll, const OrmDocModel *pModel){
  OrmDiff *p = pAll->p;
  const char *zWas = tableWas(p, pModel), *zTable = pModel->zTable;
  OrmStep *pStep;
  if( sqlite3_stricmp(zWas, zTable)==0 ) return;
  for(int i=0; i<p->pDoc->nModel; i++){
    const OrmDocModel *q = &p->pDoc->aModel[i];
    if( sqlite3_stricmp(tableWas(p, q), zTable)==0 ) renameTable(pAll, q);
  }
  pStep = renameStep(p, "table", pModel, zWas, zTable,
      ormArenaPrintf(p->pArena, "ALTER TABLE main.%s RENAME TO %s;\n"
          "UPDATE main.orm_model SET table_name=%Q WHERE"
          " coalesce(table_name, name)=%Q COLLATE NOCASE;\n"
          "UPDATE main.orm_relationship SET secondary=%Q WHERE secondary=%Q"
          " COLLATE NOCASE;\n",
          ormQuoted(p->pArena, zWas), ormQuoted(p->pArena, zTable), zTable,
          zWas, zTable, zWas));
  if( pStep==0 ) return;
  pStep->pNode = pModel->pNode;
  renameAdd(pAll, zWas, zTable, 0, 0);
}

static void renames(Renames *pAll){
  OrmDiff *p = pAll->p;
  const OrmDocModel *aModel = p->pDoc->aModel;
  int nModel = p->pDoc->nModel;
  for(int i=0; i<nModel; i++) renameModel(p, &aModel[i]);
  for(int i=0; i<nModel; i++) renameTable(pAll, &aModel[i]);
  for(int i=0; i<nModel; i++){
    const OrmJson *pRels = ormJsonMember(aModel[i].pNode, "relationships");
    renameColumns(pAll, &aModel[i], tableWas(p, &aModel[i]));
    for(const OrmJson *q=pRels ? pRels->pChild : 0; q; q=q->pNext){
      renameRel(p, &aModel[i], q);
    }
  }
  ormFollowOrders(p, pAll->pFirst);
}

/* ------------------------------------------------------------------------
** What goes
*/

/* Is a table named by the document, as a model's or as a secondary? */
static int tableStays(OrmDiff *p, const char *zTable){
  OrmDoc *pDoc = p->pDoc;
  for(int i=0; i<pDoc->nModel; i++){
    const OrmJson *pRels = ormJsonMember(pDoc->aModel[i].pNode,
                                         "relationships");
    if( sqlite3_stricmp(pDoc->aModel[i].zTable, zTable)==0 ) return 1;
    if( sqlite3_stricmp(tableWas(p, &pDoc->aModel[i]), zTable)==0 ) return 1;
    for(const OrmJson *q=pRels ? pRels->pChild : 0; q; q=q->pNext){
      const OrmJson *pName = ormJsonMember(q, "secondary");
      if( pName && pName->eType==ORM_JSON_STRING
       && sqlite3_stricmp(pName->z, zTable)==0 ) return 1;
    }
  }
  return 0;
}

static int modelStays(OrmDiff *p, const char *zName){
  for(int i=0; i<p->pDoc->nModel; i++){
    const char *zWas = p->pDoc->aModel[i].zWas;
    if( zWas && strcmp(zWas, zName)==0 ) return 1;
  }
  return 0;
}

static int stepOf(OrmDiff *p, const char *zKind, const char *zSubject){
  for(const OrmStep *q=p->pFirst; q; q=q->pNext){
    if( strcmp(q->zKind, zKind)==0 && strcmp(q->zSubject, zSubject)==0 ){
      return 1;
    }
  }
  return 0;
}

/* The new model that one which goes may have become: one with its columns. */
static const char *renameHint(OrmDiff *p, const char *zModel,
                              const char *zTable){
  const OrmDdl *pNow = ormDdlOfTable(p->pOrm, p->pArena, zTable);
  for(int i=0; pNow && i<p->pDoc->nModel; i++){
    const OrmDocModel *pModel = &p->pDoc->aModel[i];
    const OrmDdl *pDoc = pModel->pTable ? pModel->pTable->pDdl : 0;
    int n = 0;
    if( pModel->zWas || pDoc==0 || pDoc->nColumn!=pNow->nColumn ) continue;
    while( n<pDoc->nColumn && ormDdlColumn(pNow, pDoc->aColumn[n].zName)>=0 ){
      n++;
    }
    if( n<pDoc->nColumn ) continue;
    return ormArenaPrintf(p->pArena, "; if it is that of %s now:"
        " \"renamed_from\": \"%s\" in that model", pModel->zName, zModel);
  }
  return 0;
}

static void dropTable(OrmDiff *p, const char *zKind, const char *zModel,
                      const char *zTable){
  OrmStep *pStep;
  if( tableStays(p, zTable) || stepOf(p, zKind, zTable) ) return;
  if( ormFactKind(p->pOrm, p->pErr, zTable)!=ORM_KIND_TABLE ) return;
  pStep = ormStepNew(p, 0, zKind, zModel, zTable,
      ormArenaPrintf(p->pArena, "DROP TABLE main.%s;\n",
                     ormQuoted(p->pArena, zTable)));
  if( pStep==0 ) return;
  pStep->bDestructive = 1;
  if( strcmp(zKind, "table")==0 ) pStep->zHint = renameHint(p, zModel, zTable);
}

/* Models that the document does not name: their tables, or their rows, which
** take along the relationships that lead to them still. */
static void dropModels(OrmDiff *p, int bTable){
  sqlite3_stmt *pStmt;
  if( p->bKeep ) return;
  pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT name, coalesce(table_name,"
      " name) FROM main.orm_model WHERE name IS NOT NULL ORDER BY rowid");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zName = ormFactText(p->pArena, pStmt, 0);
    const char *zTable = ormFactText(p->pArena, pStmt, 1);
    if( zName==0 || zTable==0 || modelStays(p, zName) ) continue;
    if( bTable ) dropTable(p, "table", zName, zTable);
    else ormStepNew(p, 0, "model", zName, zName, ormArenaPrintf(p->pArena,
             "DELETE FROM main.orm_model WHERE name=%Q;\n", zName));
  }
  sqlite3_finalize(pStmt);
}

/* Rows of a model of zMeta (orm_field, orm_relationship) that its part of the
** document does not name. */
static void dropRows(
  OrmDiff *p, const OrmDocModel *pModel, const char *zKind, const char *zPart
){
  const OrmJson *pPart = ormJsonMember(pModel->pNode, zPart);
  sqlite3_stmt *pStmt;
  if( pPart==0 || pModel->zWas==0 ) return;
  pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT name FROM main.orm_%s WHERE"
      " model=%Q AND name IS NOT NULL ORDER BY rowid", zKind, pModel->zWas);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zName = ormFactText(p->pArena, pStmt, 0);
    int bStays = 0;
    for(const OrmJson *q=pPart->pChild; zName && q; q=q->pNext){
      const OrmJson *pFrom = ormJsonMember(q, "renamed_from");
      bStays |= strcmp(q->zKey, zName)==0;
      bStays |= pFrom && strcmp(pFrom->z, zName)==0
             && ormJsonMember(pPart, zName)==0
             && (zKind[0]=='f'
                 || !sqlite3_stricmp(ormDocRelWas(p->pDoc, pModel, q), zName));
    }
    if( zName==0 || bStays ) continue;
    ormStepNew(p, 0, zKind, pModel->zName, zName, ormArenaPrintf(p->pArena,
        "DELETE FROM main.orm_%s WHERE model=%Q AND name=%Q;\n", zKind,
        pModel->zName, zName));
  }
  sqlite3_finalize(pStmt);
}

/* Link tables that only relationships which go have named. */
static void dropLinks(OrmDiff *p){
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT secondary, model, name FROM main.orm_relationship AS r"
      " WHERE secondary IS NOT NULL AND NOT EXISTS (SELECT 1 FROM"
      " main.orm_model WHERE coalesce(table_name, name)=r.secondary"
      " COLLATE NOCASE) ORDER BY rowid");
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zTable = ormFactText(p->pArena, pStmt, 0);
    const char *zModel = ormFactText(p->pArena, pStmt, 1);
    int bUsed = 0;
    if( zTable==0 || zModel==0 ) continue;
    for(int i=0; i<p->pDoc->nModel; i++){     /* untouched relationships */
      const OrmDocModel *q = &p->pDoc->aModel[i];
      bUsed |= q->zWas && strcmp(q->zWas, zModel)==0
            && ormJsonMember(q->pNode, "relationships")==0;
    }
    if( bUsed || (p->bKeep && !modelStays(p, zModel)) ) continue;
    dropTable(p, "secondary", zModel, zTable);
  }
  sqlite3_finalize(pStmt);
}

/* ------------------------------------------------------------------------
** Tables and indexes
*/
static void createTable(OrmDiff *p, const char *zKind, const char *zModel,
                        const OrmDocTable *pTable, const char *zMore){
  OrmStep *pStep = ormStepNew(p, 0, zKind, zModel, pTable->zName,
      ormArenaPrintf(p->pArena, "CREATE TABLE main.%s%s;\n%s",
          ormQuoted(p->pArena, pTable->zName), pTable->zBody, zMore));
  if( pStep ) pStep->pNode = pTable->pNode;
  p->bKeys = 1;
}

static void tables(Renames *pAll){
  OrmDiff *p = pAll->p;
  for(int i=0; i<p->pDoc->nModel && p->pErr->rc==SQLITE_OK; i++){
    const OrmDocModel *pModel = &p->pDoc->aModel[i];
    const char *zWas = tableWas(p, pModel);
    int eKind = ormFactKind(p->pOrm, p->pErr, zWas);
    OrmDdl *pNow;
    if( pModel->pTable==0 ) continue;
    if( pModel->pTable->pDdl==0 ){
      ormJsonErr(p->pErr, pModel->pTable->pNode, "no column definitions");
    }else if( eKind==ORM_KIND_NONE ){
      if( !stepOf(p, "table", pModel->zTable) ){
        createTable(p, "table", pModel->zName, pModel->pTable, "");
      }
    }else if( eKind==ORM_KIND_TABLE ){
      pNow = renamedDdl(pAll, zWas, pModel->zTable);
      if( pNow ) ormDocExpand(p->pDoc, pNow);
      ormDocExpand(p->pDoc, pModel->pTable->pDdl);
      if( pNow ) ormDiffTable(p, pModel, pNow, zWas);
      else ormJsonErr(p->pErr, pModel->pTable->pNode, "the definition of the"
                      " table %s in this file cannot be read", zWas);
    }else{
      ormJsonErr(p->pErr, pModel->pTable->pNode, "%s is no table: its columns"
                 " are not given here", pModel->zTable);
    }
  }
}

/* The index of a name in the document. */
static const OrmDocIndex *docIndex(const OrmDocModel *pModel, const char *z){
  for(int i=0; i<pModel->nIndex; i++){
    if( sqlite3_stricmp(pModel->aIndex[i].zName, z)==0 ){
      return &pModel->aIndex[i];
    }
  }
  return 0;
}

int ormDiffIndexStays(
  OrmDiff *p, const OrmDocModel *pModel, const OrmDdlIndex *pNow
){
  const OrmDocIndex *pDoc = docIndex(pModel, pNow->zName);
  const char *zNow = pNow->zCanonical;
  for(const OrmDocRename *q=p->pDoc->pRename; q; q=q->pNext){
    if( !q->zModel ) zNow = replaceWord(p, zNow, q->zOld, q->zNew);
  }
  if( ormJsonMember(pModel->pNode, "indexes") ){
    return pDoc && strcmp(pDoc->pDdl->zCanonical, zNow)==0;
  }
  for(int i=0; pModel->pTable && i<pNow->nTerm; i++){
    const char *z = pNow->azColumn[i];
    for(const OrmDocRename *q=p->pDoc->pRename; z && q; q=q->pNext){
      if( !q->zModel && sqlite3_stricmp(q->zOld, z)==0 ) z = q->zNew;
    }
    if( z && ormDdlColumn(pModel->pTable->pDdl, z)<0 ) return 0;
  }
  return 1;
}

/* Indexes that go, before the tables change. */
static void dropIndexes(OrmDiff *p, const OrmDocModel *pModel){
  const char *zWas = tableWas(p, pModel);
  const char **az;
  int n = ormFactIndexes(p->pOrm, p->pErr, p->pArena, zWas, &az);
  for(int i=0; i<n; i++){
    OrmDdlIndex *pNow = ormDdlIndex(p->pArena, az[i]);
    if( pNow==0 || ormDiffIndexStays(p, pModel, pNow) ) continue;
    ormStepNew(p, 0, "index", pModel->zName, pNow->zName,
        ormArenaPrintf(p->pArena, "DROP INDEX main.%s;\n",
                       ormQuoted(p->pArena, pNow->zName)));
  }
}

static void createIndexes(OrmDiff *p, const OrmDocModel *pModel){
  for(int i=0; i<pModel->nIndex && p->pErr->rc==SQLITE_OK; i++){
    const OrmDocIndex *pIndex = &pModel->aIndex[i];
    const char *zSql = 0;
    OrmDdlIndex *pNow = 0;
    OrmStep *pStep;
    if( ormFactExists(p->pOrm, p->pErr, "index", pIndex->zName, p->pArena,
                      &zSql) && zSql ) pNow = ormDdlIndex(p->pArena, zSql);
    if( pNow && ormDiffIndexStays(p, pModel, pNow) ) continue;
    pStep = ormStepNew(p, 0, "index", pModel->zName, pIndex->zName,
        ormArenaPrintf(p->pArena, "%s;\n", pIndex->zSql));
    if( pStep ) pStep->pNode = pIndex->pNode;
  }
}

static void secondaries(OrmDiff *p){
  ormDocLinks(p->pDoc);
  for(OrmDocLink *q=p->pDoc->pLink; q; q=q->pNext){
    createTable(p, "secondary", q->pRel->pParent->pParent->zKey, &q->table,
                ormArenaPrintf(p->pArena, "%s;\n", q->zIndexSql));
  }
}

/* ------------------------------------------------------------------------
** All steps
*/
static void rowStep(
  void *pArg, const char *zKind, const char *zModel, const char *zSubject,
  const char *zSql, const OrmJson *pNode
){
  OrmDiff *p = (OrmDiff*)pArg;
  OrmStep *pStep = ormStepNew(p, 0, zKind, zModel, zSubject,
                              ormArenaPrintf(p->pArena, "%s;\n", zSql));
  if( pStep ) pStep->pNode = pNode;
}

void ormDiffSteps(OrmDiff *p, OrmDoc *pDoc, int bKeep){
  Renames all = { p, 0, &all.pFirst };
  OrmDocRows rows;
  p->pDoc = pDoc;
  p->pOrm = pDoc->pOrm;
  p->pErr = pDoc->pErr;
  p->pArena = pDoc->pArena;
  p->bKeep = (u8)bKeep;
  p->nStep = 0;
  p->pFirst = 0;
  p->ppLast = &p->pFirst;
  p->bKeys = 0;
  if( hasMetadata(p) ){
    renames(&all);
    for(int i=0; i<pDoc->nModel; i++){
      dropRows(p, &pDoc->aModel[i], "relationship", "relationships");
      dropRows(p, &pDoc->aModel[i], "field", "fields");
    }
    dropLinks(p);
    dropModels(p, 1);
  }
  for(int i=0; i<pDoc->nModel; i++) dropIndexes(p, &pDoc->aModel[i]);
  tables(&all);
  for(int i=0; i<pDoc->nModel; i++) createIndexes(p, &pDoc->aModel[i]);
  secondaries(p);
  if( p->pErr->rc ) return;
  ormDocHolds(pDoc);
  memset(&rows, 0, sizeof(rows));
  rows.xRow = rowStep;
  rows.pArg = p;
  rows.bWhole = 1;
  rows.bRaw = p->bKeys;
  for(int i=0; i<pDoc->nModel; i++){
    ormDocRows(pDoc, &pDoc->aModel[i], &rows);
  }
  if( hasMetadata(p) ) dropModels(p, 0);
}
