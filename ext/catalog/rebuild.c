/*
** What it takes to make a table what a document says: ALTER TABLE where SQLite
** can do it, else a rebuild: a new table is made beside it, filled, and takes
** its place (the twelve steps of SQLite's ALTER TABLE page).
**
** A rebuild keeps every row, the rowids where both tables have them, the
** sequence of an AUTOINCREMENT, and makes the table's indexes and triggers
** again; views and foreign keys of other tables name it, and stay.  It runs
** with foreign keys off and legacy_alter_table on (migrate.c sees to that).
*/
#include "diff.h"

typedef struct Change Change;
struct Change {                 /* one row of the step                        */
  Change *pNext;
  const char *zKind, *zSubject;
  const char *zSql;             /* by ALTER TABLE; 0: not possible so         */
  const OrmJson *pNode;
  const char *zHint;            /* as OrmStep.zHint                           */
  u8 bDestructive;
};
typedef struct Table Table;
struct Table {
  OrmDiff *p;
  const OrmDocModel *pModel;
  const OrmDdl *pDoc, *pNow;
  const char *zNow;             /* as the file calls it                       */
  const char *zTable;           /* as it will be called                       */
  int bRows;                    /* it has some                                */
  int bRebuild;
  Change *pFirst, **ppLast;
};

static Change *changeNew(Table *t, const char *zKind, const char *zColumn,
                         const OrmJson *pNode){
  OrmArena *pArena = t->p->pArena;
  Change *pNew = ormArenaAlloc(pArena, sizeof(*pNew));
  if( pNew==0 ) return 0;
  pNew->zKind = zKind;
  pNew->zSubject = zColumn ? ormArenaPrintf(pArena, "%s.%s", t->zTable, zColumn)
                           : t->zTable;
  pNew->pNode = pNode;
  *t->ppLast = pNew;
  t->ppLast = &pNew->pNext;
  return pNew;
}

/* ------------------------------------------------------------------------
** Clauses
*/
static const char *clauseOf(const OrmDdl *p, int iColumn, int eKind){
  for(int i=0; i<p->nClause; i++){
    if( p->aClause[i].iColumn==iColumn && p->aClause[i].eKind==eKind ){
      return p->aClause[i].zText;
    }
  }
  return 0;
}

/* Does a canonical text name a column? */
static int names(const char *zText, const char *zColumn){
  size_t nColumn = strlen(zColumn);
  for(const char *z=zText; *z; ){
    size_t n = strcspn(z, " ");
    if( n==nColumn && sqlite3_strnicmp(z, zColumn, (int)n)==0 ) return 1;
    z += n;
    if( *z ) z++;
  }
  return strchr(zColumn, ' ') && strstr(zText, zColumn);
}

/* ------------------------------------------------------------------------
** By ALTER TABLE
*/

static const char *const azRowid[] = { "rowid", "oid", "_rowid_" };

/* SQLite from 3.54 on neither adds nor drops a column that hides the rowid. */
static int hidesRowid(const char *zColumn){
  for(int i=0; i<ORM_COUNT(azRowid); i++){
    if( sqlite3_stricmp(zColumn, azRowid[i])==0 ) return 1;
  }
  return 0;
}

/* Can the column be added as it is?  (Its CHECK can.) */
static int canAdd(const Table *t, int iDoc){
  const OrmDdl *p = t->pDoc;
  const char *zDefault = clauseOf(p, iDoc, ORM_DDL_DEFAULT);
  const char *zGenerated = clauseOf(p, iDoc, ORM_DDL_GENERATED);
  if( clauseOf(p, iDoc, ORM_DDL_PRIMARY) ) return 0;
  if( clauseOf(p, iDoc, ORM_DDL_UNIQUE) ) return 0;
  if( hidesRowid(p->aColumn[iDoc].zName) ) return 0;
  if( zGenerated ){
    size_t n = strlen(zGenerated);
    assert( n>8 );              /* as ( .. ) stored                           */
    return strcmp(&zGenerated[n-8], " virtual")==0;
  }
  if( !t->bRows ) return 1;
  if( zDefault && (strchr(zDefault, '(') || strstr(zDefault, "current_")) ){
    return 0;
  }
  return zDefault || clauseOf(p, iDoc, ORM_DDL_NOT_NULL)==0;
}

/* Does anything else in the schema seem to speak of the column? */
static int isNamedElsewhere(const Table *t, const char *zColumn){
  int b;
  sqlite3_stmt *pStmt = ormFactOpen(t->p->pOrm, t->p->pErr,
      "SELECT 1 FROM main.sqlite_schema WHERE instr(lower(sql), lower(%Q))"
      " AND (type IN('trigger', 'view')"
      " OR (type='index' AND tbl_name=%Q COLLATE NOCASE)"
      " OR (type='table' AND name<>%Q COLLATE NOCASE"
      "     AND lower(sql) LIKE '%%references%%'"
      "     AND instr(lower(sql), lower(%Q))))"
      " AND lower(name) NOT LIKE 'orm\\_token%%' ESCAPE '\\'"
      " AND lower(name) NOT LIKE 'orm\\_carry%%' ESCAPE '\\'",
      zColumn, t->zNow, t->zNow, t->zNow);
  b = ormFactStep(t->p->pOrm, t->p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  return b;
}

/* SQLite drops no column while any view or trigger does not work. */
static int isBroken(OrmDiff *p){
  if( p->eBroken==0 ){
    p->eBroken = (u8)(1 + ormSoundBroken(p->pOrm, p->pErr, p->pArena));
  }
  return p->eBroken==2;
}

static int canDrop(const Table *t, int iNow){
  const OrmDdl *p = t->pNow;
  const char *zColumn = p->aColumn[iNow].zName;
  if( clauseOf(p, iNow, ORM_DDL_PRIMARY) ) return 0;
  if( clauseOf(p, iNow, ORM_DDL_UNIQUE) ) return 0;
  if( clauseOf(p, iNow, ORM_DDL_REFERENCES) ) return 0;
  if( hidesRowid(zColumn) ) return 0;
  for(int i=0; i<p->nClause; i++){
    const OrmDdlClause *pClause = &p->aClause[i];
    if( pClause->iColumn==iNow || pClause->eKind==ORM_DDL_TYPE ) continue;
    if( names(pClause->zText, zColumn) ) return 0;
  }
  return !isNamedElsewhere(t, zColumn) && !isBroken(t->p);
}

/* ------------------------------------------------------------------------
** Changes
*/

static int isGenerated(const OrmDdl *p, int i){
  return clauseOf(p, i, ORM_DDL_GENERATED)!=0;
}

/* The affinity that a column stores by: ANY has none in a STRICT table. */
static char affinityOf(const OrmDdl *p, int i){
  const char *zType = clauseOf(p, i, ORM_DDL_TYPE);
  if( p->bStrict && zType && strcmp(zType, "any")==0 ) return 'A';
  return ormFactAffinity(p->aColumn[i].zType);
}

/* What of values v changes beyond recognition under a new affinity: text that
** stands for a number (compared with one, SQLite takes it as it would store it)
** and is not what the number is written as; a number that the new kind cannot
** hold. */
#define NUMBER_LOST "typeof(v)='text' AND CAST(v AS NUMERIC)=v AND" \
    " CAST(CAST(v AS NUMERIC) AS TEXT)<>v COLLATE binary"
static const struct { char cAff; const char *zWhere; } aLost[] = {
  { 'B', "typeof(v)='real' AND CAST(CAST(v AS TEXT) AS REAL)<>v" },
  { 'C', NUMBER_LOST },
  { 'D', NUMBER_LOST },
  { 'E', NUMBER_LOST " OR typeof(v) IN('integer','text') AND"
         " CAST(v AS NUMERIC)=v AND CAST(v AS NUMERIC)<>CAST(v AS REAL)" }
};

/* Is zWhere, in which a column's value is called v, true of a row? */
static int hasValue(const Table *t, int iNow, const char *zWhere){
  sqlite3_stmt *pStmt = ormFactOpen(t->p->pOrm, t->p->pErr,
      "SELECT 1 FROM (SELECT \"%w\" AS v FROM main.\"%w\") WHERE %s",
      t->pNow->aColumn[iNow].zWas, t->zNow, zWhere);
  int b = ormFactStep(t->p->pOrm, t->p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  return b;
}

/* Would values of a column that stays be lost? */
static int losesValues(const Table *t, int iDoc, int iNow){
  char cAff = affinityOf(t->pDoc, iDoc);
  if( isGenerated(t->pDoc, iDoc) ){
    return !isGenerated(t->pNow, iNow) && hasValue(t, iNow, "v IS NOT NULL");
  }
  if( iDoc==ormDiffRowid(t->pDoc) && iNow!=ormDiffRowid(t->pNow)
   && hasValue(t, iNow, "v IS NULL") ) return 1;     /* it gets a number      */
  if( cAff==affinityOf(t->pNow, iNow) ) return 0;
  for(int i=0; i<ORM_COUNT(aLost); i++){
    if( aLost[i].cAff==cAff ) return hasValue(t, iNow, aLost[i].zWhere);
  }
  return 0;
}

static void addedColumn(Table *t, int iDoc, const OrmJson *pNode){
  OrmArena *pArena = t->p->pArena;
  const char *zName = t->pDoc->aColumn[iDoc].zName;
  Change *pChange = changeNew(t, "column", zName, pNode);
  if( pChange==0 ) return;
  if( !canAdd(t, iDoc) ) t->bRebuild = 1;
  pChange->zSql = ormArenaPrintf(pArena, "ALTER TABLE main.%s ADD COLUMN"
      " %s %s;\n", ormQuoted(pArena, t->zTable), ormQuoted(pArena, zName),
      t->pDoc->aColumn[iDoc].zDef);
  if( clauseOf(t->pDoc, iDoc, ORM_DDL_REFERENCES) ) t->p->bKeys = 1;
}

/* The new column that one which goes may have become: the first of its type. */
static const char *renameHint(Table *t, int iNow){
  const OrmDdlColumn *pNow = &t->pNow->aColumn[iNow];
  for(int i=0; i<t->pDoc->nColumn; i++){
    const OrmDdlColumn *pDoc = &t->pDoc->aColumn[i];
    if( sqlite3_stricmp(pDoc->zType, pNow->zType)!=0
     || ormDdlColumn(t->pNow, pDoc->zName)>=0 ) continue;
    return ormArenaPrintf(t->p->pArena, "; if it is %s now: \"fields\":"
        " {\"%s\": {\"renamed_from\": \"%s\"}}", pDoc->zName, pDoc->zName,
        pNow->zName);
  }
  return 0;
}

static void droppedColumn(Table *t, int iNow){
  OrmArena *pArena = t->p->pArena;
  const char *zName = t->pNow->aColumn[iNow].zName;
  Change *pChange = changeNew(t, "column", zName, t->pModel->pTable->pNode);
  if( pChange==0 ) return;
  if( !canDrop(t, iNow) ) t->bRebuild = 1;
  pChange->bDestructive = clauseOf(t->pNow, iNow, ORM_DDL_GENERATED)==0;
  pChange->zHint = renameHint(t, iNow);
  pChange->zSql = ormArenaPrintf(pArena, "ALTER TABLE main.%s DROP COLUMN"
      " %s;\n", ormQuoted(pArena, t->zTable), ormQuoted(pArena, zName));
  if( clauseOf(t->pNow, iNow, ORM_DDL_REFERENCES) ) t->p->bKeys = 1;
}

static void changedColumn(Table *t, int iDoc, int iNow, const OrmJson *pNode){
  const OrmDdl *pA = t->pDoc, *pB = t->pNow;
  const OrmDdlClause *pClause = ormDdlMissing(pA, iDoc, pB, iNow);
  Change *pChange;
  if( pClause==0 ) pClause = ormDdlMissing(pB, iNow, pA, iDoc);
  if( pClause==0 && affinityOf(pA, iDoc)==affinityOf(pB, iNow) ) return;
  pChange = changeNew(t, "column", pA->aColumn[iDoc].zName, pNode);
  if( pChange==0 ) return;
  t->bRebuild = 1;
  pChange->bDestructive = (u8)losesValues(t, iDoc, iNow);
  if( clauseOf(pA, iDoc, ORM_DDL_REFERENCES)
   || clauseOf(pB, iNow, ORM_DDL_REFERENCES) ) t->p->bKeys = 1;
}

static void columns(Table *t){
  const OrmJson *pColumns = t->pModel->pTable->pNode;
  for(const OrmJson *q=pColumns->pChild; q; q=q->pNext){
    int iDoc = ormDdlColumn(t->pDoc, q->zKey);
    int iNow = ormDdlColumn(t->pNow, q->zKey);
    if( iDoc<0 ) continue;
    if( iNow<0 ) addedColumn(t, iDoc, q);
    else changedColumn(t, iDoc, iNow, q);
    if( iNow>=0 && strcmp(t->pNow->aColumn[iNow].zName, q->zKey)!=0 ){
      changeNew(t, "column", q->zKey, q);
      t->bRebuild = 1;
    }
  }
  for(int i=0; i<t->pNow->nColumn; i++){
    if( ormDdlColumn(t->pDoc, t->pNow->aColumn[i].zName)<0 ){
      droppedColumn(t, i);
    }
  }
}

/* A clause of the table that pB lacks and that does not come or go with a
** column. */
static int lacksClause(const OrmDdl *pA, const OrmDdl *pB){
  for(int i=0; i<pA->nClause; i++){
    const OrmDdlClause *p = &pA->aClause[i];
    int bThere = 0;
    if( p->iColumn>=0 ) continue;
    if( p->iOrigin>=0
     && ormDdlColumn(pB, pA->aColumn[p->iOrigin].zName)<0 ) continue;
    for(int j=0; j<pB->nClause; j++){
      const OrmDdlClause *q = &pB->aClause[j];
      if( q->iColumn<0 && q->eKind==p->eKind
       && strcmp(q->zText, p->zText)==0 ) bThere = 1;
    }
    if( !bThere ) return 1;
  }
  return 0;
}

static void constraints(Table *t){
  const OrmJson *pModel = t->pModel->pNode;
  const OrmJson *pPart = ormJsonMember(pModel, "constraints");
  if( lacksClause(t->pDoc, t->pNow) || lacksClause(t->pNow, t->pDoc) ){
    changeNew(t, "constraint", 0, pPart ? pPart : pModel);
    t->bRebuild = 1;
    t->p->bKeys = 1;
  }
  if( t->pDoc->bStrict!=t->pNow->bStrict
   || t->pDoc->bWithoutRowid!=t->pNow->bWithoutRowid ){
    pPart = ormJsonMember(pModel, "options");
    changeNew(t, "options", 0, pPart ? pPart : pModel);
    t->bRebuild = 1;
  }
}

/* ------------------------------------------------------------------------
** The rebuild
*/
int ormDiffRowid(const OrmDdl *p){
  const char *zType, *zKey;
  if( p->bWithoutRowid || p->nKey!=1 ) return -1;
  zType = clauseOf(p, p->aKey[0], ORM_DDL_TYPE);
  zKey = clauseOf(p, p->aKey[0], ORM_DDL_PRIMARY);
  if( zType==0 || strcmp(zType, "integer")!=0 ) return -1;
  return zKey && strncmp(zKey, "desc", 4)==0 ? -1 : p->aKey[0];
}

/* A name of the rowid that no column of either table takes, or 0. */
static const char *rowidName(const OrmDdl *pA, const OrmDdl *pB){
  for(int i=0; i<ORM_COUNT(azRowid); i++){
    if( ormDdlColumn(pA, azRowid[i])<0 && ormDdlColumn(pB, azRowid[i])<0 ){
      return azRowid[i];
    }
  }
  return 0;
}

static void addPair(OrmBuf *pTo, OrmBuf *pFrom, const char *zTo,
                    const char *zFrom){
  ormBufPrintf(pTo, "%s%s", pTo->n ? ", " : "", zTo);
  ormBufPrintf(pFrom, "%s%s", pFrom->n ? ", " : "", zFrom);
}

/* The value of a column of the new table, or 0: its default. */
static const char *copiedValue(const Table *t, int iDoc){
  OrmArena *pArena = t->p->pArena;
  int iNow = ormDdlColumn(t->pNow, t->pDoc->aColumn[iDoc].zName);
  const char *zDefault = t->pDoc->aColumn[iDoc].zDefault;
  const char *zFrom;
  if( iNow<0 ){
    const char *zRowid = rowidName(t->pNow, t->pNow);
    return iDoc==ormDiffRowid(t->pDoc) && !t->pNow->bWithoutRowid ? zRowid : 0;
  }
  zFrom = ormQuoted(pArena, t->pNow->aColumn[iNow].zName);
  if( zDefault && clauseOf(t->pDoc, iDoc, ORM_DDL_NOT_NULL)
   && clauseOf(t->pNow, iNow, ORM_DDL_NOT_NULL)==0 ){
    return ormArenaPrintf(pArena, "ifnull(%s, %s)", zFrom, zDefault);
  }
  return zFrom;
}

/* OR ABORT: what the new table says of conflicts is about writes to come. */
static void addCopy(Table *t, OrmBuf *pSql, const char *zNew){
  OrmArena *pArena = t->p->pArena;
  const char *zRowid = rowidName(t->pDoc, t->pNow);
  OrmBuf to, from;
  ormBufInit(&to, t->p->pErr);
  ormBufInit(&from, t->p->pErr);
  if( zRowid && ormDiffRowid(t->pDoc)<0 && !t->pDoc->bWithoutRowid
   && !t->pNow->bWithoutRowid ) addPair(&to, &from, zRowid, zRowid);
  for(int i=0; i<t->pDoc->nColumn; i++){
    const char *zValue = isGenerated(t->pDoc, i) ? 0 : copiedValue(t, i);
    if( zValue==0 ) continue;
    addPair(&to, &from, ormQuoted(pArena, t->pDoc->aColumn[i].zName), zValue);
  }
  if( to.n==0 ) addPair(&to, &from,     /* nothing is kept but the rows */
      ormQuoted(pArena, t->pDoc->aColumn[0].zName), "NULL");
  ormBufPrintf(pSql, "INSERT OR ABORT INTO main.%s(%s) SELECT %s FROM main.%s;"
      "\n", zNew, ormBufText(&to), ormBufText(&from),
      ormQuoted(pArena, t->zTable));
  ormBufFree(&to);
  ormBufFree(&from);
}

static void addSequence(Table *t, OrmBuf *pSql, const char *zNew){
  if( !t->pDoc->bAutoincrement || !t->pNow->bAutoincrement ) return;
  ormBufPrintf(pSql, "DELETE FROM main.sqlite_sequence WHERE name=%Q;\n"
      "INSERT INTO main.sqlite_sequence(name, seq) SELECT %Q, seq FROM"
      " main.sqlite_sequence WHERE name=%Q;\n", zNew, zNew, t->zTable);
}

/* Statistics under another name of the table.  Those of SQLite's own indexes
** are left to go: the number in such a name may be another one's afterwards. */
static void addStatistics(Table *t, OrmBuf *pSql, const char *zFrom,
                          const char *zTo){
  static const char *const azTable[] = { "sqlite_stat1", "sqlite_stat4" };
  for(int i=0; i<ORM_COUNT(azTable); i++){
    if( ormFactKind(t->p->pOrm, t->p->pErr, azTable[i])!=ORM_KIND_TABLE ){
      continue;
    }
    ormBufPrintf(pSql, "UPDATE main.%s SET tbl=%Q WHERE tbl=%Q COLLATE NOCASE"
        " AND coalesce(idx, '') NOT LIKE 'sqlite%%';\n", azTable[i], zTo,
        zFrom);
  }
}

/* Indexes and triggers of the table again. */
static void addObjects(Table *t, OrmBuf *pSql){
  OrmDiff *p = t->p;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT type, sql FROM main.sqlite_schema WHERE type IN('index',"
      " 'trigger') AND sql IS NOT NULL AND tbl_name=%Q COLLATE NOCASE"
      " ORDER BY rowid", t->zNow);
  while( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    const char *zType = (const char*)sqlite3_column_text(pStmt, 0);
    const char *zSql = ormFactText(p->pArena, pStmt, 1);
    OrmDdlIndex *pIndex;
    if( zSql==0 ) break;
    pIndex = sqlite3_stricmp(zType, "index")==0
           ? ormDdlIndex(p->pArena, zSql) : 0;
    if( pIndex && !ormDiffIndexStays(p, t->pModel, pIndex) ) continue;
    zSql = ormDdlInMain(p->pArena, zSql);
    ormBufPrintf(pSql, "%s;\n", zSql ? zSql : "");
  }
  sqlite3_finalize(pStmt);
}

static const char *newName(Table *t){
  const char *zNew = ormArenaPrintf(t->p->pArena, "orm_new_%s", t->zTable);
  for(int i=2; zNew
      && ormFactKind(t->p->pOrm, t->p->pErr, zNew)!=ORM_KIND_NONE; i++){
    zNew = ormArenaPrintf(t->p->pArena, "orm_new_%s_%d", t->zTable, i);
  }
  return zNew ? zNew : "";
}

static const char *rebuildSql(Table *t){
  OrmArena *pArena = t->p->pArena;
  const char *zNew = newName(t);
  const char *zQuoted = ormQuoted(pArena, zNew);
  const char *zTable = ormQuoted(pArena, t->zTable);
  const char *zSql;
  OrmBuf sql;
  ormBufInit(&sql, t->p->pErr);
  ormBufPrintf(&sql, "CREATE TABLE main.%s%s;\n", zQuoted,
               ormDdlBare(pArena, t->pModel->pTable->zBody, t->zTable));
  addCopy(t, &sql, zQuoted);
  addSequence(t, &sql, zNew);
  addStatistics(t, &sql, t->zTable, zNew);
  ormBufPrintf(&sql, "DROP TABLE main.%s;\nALTER TABLE main.%s RENAME TO"
               " %s;\n", zTable, zQuoted, zTable);
  addObjects(t, &sql);
  addStatistics(t, &sql, zNew, t->zTable);
  zSql = ormArenaText(pArena, ormBufText(&sql), sql.n);
  ormBufFree(&sql);
  return zSql ? zSql : "";
}

static int hasRows(OrmDiff *p, const char *zTable){
  int b;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
                                    "SELECT 1 FROM main.\"%w\"", zTable);
  b = ormFactStep(p->pOrm, p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  return b;
}

void ormDiffTable(
  OrmDiff *p, const OrmDocModel *pModel, const OrmDdl *pNow, const char *zNow
){
  Table table;
  Table *t = &table;
  OrmStep *pFirst = 0;
  memset(t, 0, sizeof(*t));
  t->p = p;
  t->pModel = pModel;
  t->pDoc = pModel->pTable->pDdl;
  t->pNow = pNow;
  t->zNow = zNow;
  t->zTable = pModel->zTable;
  t->bRows = hasRows(p, zNow);
  t->ppLast = &t->pFirst;
  columns(t);
  constraints(t);
  if( t->bRebuild ){
    pFirst = ormStepNew(p, 0, "rebuild", pModel->zName, t->zTable,
                        rebuildSql(t));
    if( pFirst ) pFirst->pNode = pModel->pTable->pNode;
  }
  for(const Change *q=t->pFirst; q && p->pErr->rc==SQLITE_OK; q=q->pNext){
    OrmStep *pStep = ormStepNew(p, t->bRebuild, q->zKind, pModel->zName,
                                q->zSubject, t->bRebuild ? 0 : q->zSql);
    if( pStep==0 ) return;
    pStep->pNode = q->pNode;
    pStep->bDestructive = q->bDestructive;
    pStep->zHint = q->zHint;
    if( pFirst && q->bDestructive ) pFirst->bDestructive = 1;
  }
}
