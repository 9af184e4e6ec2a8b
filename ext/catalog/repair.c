/*
** The SQL that repairs what orm_check finds: column "fix".
**
** It is made from the words of the complaint.  A cell that cannot be
** understood is emptied, so that what it said is inferred again; a row that
** leads nowhere is deleted; what the schema lacks is made.  Nothing that holds
** data is ever dropped.
*/
#include "check.h"

/* A name for an index that nothing has yet. */
static const char *freeIndexName(
  OrmChecker *p, const char *zTable, int n, const char *const *az
){
  OrmBuf buf;
  const char *zBase, *zName;
  ormBufInit(&buf, p->pErr);
  ormBufPrintf(&buf, "ix_%s", zTable);
  for(int i=0; i<n; i++) ormBufPrintf(&buf, "_%s", az[i]);
  zName = zBase = ormArenaText(&p->arena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  for(int i=2; zName && (ormFactExists(p->pOrm, p->pErr, "index", zName, 0, 0)
      || ormFactExists(p->pOrm, p->pErr, "table", zName, 0, 0)); i++){
    zName = ormArenaPrintf(&p->arena, "%s_%d", zBase, i);
  }
  return zName ? zName : "";
}

char *ormFixIndex(
  OrmChecker *p, int bUnique, const char *zTable, int n, const char *const *az
){
  OrmBuf buf;
  i64 nText;
  ormBufInit(&buf, p->pErr);
  ormBufAdd(&buf, bUnique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ", -1);
  ormBufTable(&buf, freeIndexName(p, zTable, n, az));
  ormBufAdd(&buf, " ON ", 4);
  ormBufName(&buf, zTable);
  for(int i=0; i<n; i++){
    ormBufAdd(&buf, i ? ", " : "(", -1);
    ormBufName(&buf, az[i]);
  }
  ormBufChar(&buf, ')');
  return ormBufTake(&buf, &nText);
}

/* The repair of a complaint: the first whose words occur in it.  In zFix %1 is
** the model, %2 the relationship, %3 the table, as literals. */
typedef struct Repair Repair;
struct Repair { const char *zMatch, *zFix; };

#define MODEL_SET "UPDATE main.orm_model SET "
#define MODEL_WHERE " WHERE name=%1"
#define FIELD_WHERE " WHERE model=%1 AND "
#define REL_SET "UPDATE main.orm_relationship SET "
#define REL_WHERE " WHERE model=%1 AND name=%2"
#define COLUMNS "pragma_table_xinfo(%3, 'main')"
#define COLUMNS_OF "(SELECT lower(name) FROM " COLUMNS ")"

static const Repair aModelRepair[] = {
  { "has no primary key", "DELETE FROM main.orm_model" MODEL_WHERE },
  { "natural_key", MODEL_SET "natural_key=NULL" MODEL_WHERE },
  { "primary_key", MODEL_SET "primary_key=NULL" MODEL_WHERE },
  { "soft_delete", MODEL_SET "soft_delete=NULL" MODEL_WHERE },
  { "orm_field: no such column", "DELETE FROM main.orm_field" FIELD_WHERE
    "(name IS NULL OR name NOT IN (SELECT name FROM " COLUMNS "))" },
  { "no such type", "UPDATE main.orm_field SET type=NULL" FIELD_WHERE
    "type NOT IN ('boolean', 'json', 'date', 'datetime', 'decimal', 'blob',"
    " 'text', 'integer', 'real')" },
  { "no such auto", "UPDATE main.orm_field SET auto=NULL" FIELD_WHERE
    "auto NOT IN ('created_at', 'updated_at', 'version', 'uuid')" },
  { "hidden and readonly are", "UPDATE main.orm_field SET hidden=CASE WHEN"
    " typeof(hidden)='integer' AND hidden IN(0, 1) THEN hidden END,"
    " readonly=CASE WHEN typeof(readonly)='integer' AND readonly IN(0, 1) THEN"
    " readonly END" FIELD_WHERE "name IS NOT NULL" },
  { "a generated column cannot be auto", "UPDATE main.orm_field SET auto=NULL"
    FIELD_WHERE "name IN (SELECT name FROM " COLUMNS " WHERE hidden IN (2, 3))"
  },
  { "two version fields", "UPDATE main.orm_field SET auto=NULL" FIELD_WHERE
    "auto='version' AND rowid>(SELECT min(rowid) FROM main.orm_field"
    FIELD_WHERE "auto='version')" },
  { "a relationship without a name", "DELETE FROM main.orm_relationship"
    FIELD_WHERE "name IS NULL" },
  { "has the name of the field", REL_SET "name=name||'_'" FIELD_WHERE
    "lower(name) IN " COLUMNS_OF },
  { "differ only in case", REL_SET "name=name||'_'" FIELD_WHERE
    "EXISTS (SELECT 1 FROM main.orm_relationship AS r WHERE r.model=%1 AND"
    " lower(r.name)=lower(orm_relationship.name) AND"
    " r.rowid<orm_relationship.rowid)" },
  { "", "DELETE FROM main.orm_model" MODEL_WHERE },
};

static const Repair aRelRepair[] = {
  { "needs delete as well", REL_SET "cascade=cascade||', delete'" REL_WHERE },
  { "passive_deletes", REL_SET "passive_deletes=NULL" REL_WHERE },
  { "needs single_parent", REL_SET "single_parent=1" REL_WHERE },
  { "single_parent and viewonly", REL_SET "single_parent=NULL, viewonly=NULL"
    REL_WHERE },
  { "no such direction", REL_SET "direction=NULL" REL_WHERE },
  { "with secondary is many_to_many", REL_SET "direction=NULL" REL_WHERE },
  { "a self-relationship needs direction", REL_SET "direction='many_to_one'"
    REL_WHERE },
  { " columns do not fit", REL_SET "secondary_local=NULL,"
    " secondary_remote=NULL, local_columns=NULL, remote_columns=NULL"
    REL_WHERE },
  { "secondary_local:", REL_SET "secondary_local=NULL" REL_WHERE },
  { "secondary_remote:", REL_SET "secondary_remote=NULL" REL_WHERE },
  { "back_populates:", REL_SET "back_populates=NULL" REL_WHERE },
  { "local_columns:", REL_SET "local_columns=NULL" REL_WHERE },
  { "remote_columns:", REL_SET "remote_columns=NULL" REL_WHERE },
  { "no foreign key between", "DELETE FROM main.orm_relationship" REL_WHERE },
  { " local_columns, ", REL_SET "local_columns=NULL, remote_columns=NULL"
    REL_WHERE },
  { "", "DELETE FROM main.orm_relationship" REL_WHERE },
};

/* The repair of one relationship, of which zFormat says the SET; 0 and out of
** memory. */
static char *relFix(
  OrmChecker *p, const OrmRel *pRel, const char *zFormat, ...
){
  OrmBuf buf;
  va_list ap;
  char *zSet;
  i64 n;
  va_start(ap, zFormat);
  zSet = sqlite3_vmprintf(zFormat, ap);
  va_end(ap);
  if( zSet==0 ) ormErrOom(p->pErr);
  ormBufInit(&buf, p->pErr);
  ormBufPrintf(&buf, REL_SET "%s WHERE model=%Q AND name=%Q", zSet,
               pRel->pModel->zName, pRel->zName);
  sqlite3_free(zSet);
  return ormBufTake(&buf, &n);
}

static char *repair(
  OrmChecker *p, const Repair *a, const char *zMessage, const char *z1,
  const char *z2, const char *z3
){
  OrmBuf buf;
  const char *z;
  i64 n;
  while( strstr(zMessage, a->zMatch)==0 ) a++;
  ormBufInit(&buf, p->pErr);
  for(z=a->zFix; *z; z++){
    if( *z!='%' ) ormBufChar(&buf, *z);
    else if( *++z=='1' ) ormBufLiteral(&buf, z1);
    else ormBufLiteral(&buf, *z=='2' ? z2 : z3);
  }
  return ormBufTake(&buf, &n);
}

/* The name in "(did you mean x?)" at the end of a message, or 0. */
static const char *suggested(OrmChecker *p, const char *zMessage){
  static const char zMean[] = "(did you mean ";
  const char *z = strstr(zMessage, zMean);
  if( z==0 ) return 0;
  z += sizeof(zMean) - 1;
  return ormArenaText(&p->arena, z, (i64)strcspn(z, "?"));
}

/* The table and a cell of a model's row. */
const char *ormCheckCell(OrmChecker *p, const char *zModel, const char *zCell){
  const char *z = 0;
  sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr,
      "SELECT %s FROM main.orm_model WHERE name=%Q", zCell, zModel);
  if( ormFactStep(p->pOrm, p->pErr, pStmt) ){
    z = ormFactText(&p->arena, pStmt, 0);
  }
  sqlite3_finalize(pStmt);
  return z;
}

/* A natural key without its UNIQUE index: the index, if the rows bear it. */
static char *naturalFix(OrmChecker *p, const char *zModel, const char *zTable){
  const char *zCell = ormCheckCell(p, zModel, "natural_key");
  const char **az = 0;
  int n = zCell ? ormFactNames(&p->arena, zCell, "natural_key", &az) : 0;
  int bTwice;
  OrmBuf list;
  sqlite3_stmt *pStmt;
  if( n==0 ) return 0;
  ormBufInit(&list, p->pErr);
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(&list, ", ", 2);
    ormBufName(&list, az[i]);
  }
  pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT 1 FROM main.\"%w\" WHERE (%s)"
      " IS NOT NULL GROUP BY %s HAVING count(*)>1", zTable,
      n==1 ? ormBufText(&list) : "1", ormBufText(&list));
  bTwice = ormFactStep(p->pOrm, p->pErr, pStmt);
  sqlite3_finalize(pStmt);
  ormBufFree(&list);
  return bTwice ? 0 : ormFixIndex(p, 1, zTable, n, az);
}

/* The words of a cascade cell that are words. */
static char *cascadeFix(OrmChecker *p, const OrmRel *pRel){
  static const char *const azWord[] = {
    "save-update", "merge", "refresh-expire", "expunge", "delete",
    "delete-orphan", "all"
  };
  OrmBuf buf;
  char *zFix;
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<ORM_COUNT(azWord); i++){
    const char *z = pRel->zCascade;
    size_t n = strlen(azWord[i]);
    while( (z = strstr(z, azWord[i]))!=0 ){
      char c = z>pRel->zCascade ? z[-1] : ',';
      if( strchr(" ,\t\n", c) && (z[n]==0 || strchr(" ,\t\n", z[n])) ){
        if( buf.n ) ormBufAdd(&buf, ", ", 2);
        ormBufAdd(&buf, azWord[i], -1);
        break;
      }
      z += n;
    }
  }
  zFix = relFix(p, pRel, "cascade=%Q", buf.n ? ormBufText(&buf) : 0);
  ormBufFree(&buf);
  return zFix;
}

static void addNames(OrmBuf *pBuf, int n, const char *const *az){
  for(int i=0; i<n; i++){
    ormBufChar(pBuf, i ? ',' : '[');
    ormJsonString(pBuf, az[i], (i64)strlen(az[i]));
  }
  ormBufChar(pBuf, ']');
}

/* Several of a link table do: the first towards either end. */
static char *linkFix(OrmChecker *p, const OrmRel *pRel){
  OrmFkFact *a = 0;
  int nFk = ormFactFks(p->pOrm, p->pErr, &p->arena, pRel->zSecondary, &a);
  const OrmFkFact *pLocal = 0, *pRemote = 0;
  OrmBuf local, remote;
  char *zFix;
  for(int i=0; i<nFk; i++){
    const char *zTo = a[i].zTarget;
    if( pLocal==0 && sqlite3_stricmp(zTo, pRel->pModel->zTable)==0 ){
      pLocal = &a[i];
    }else if( pRemote==0 && sqlite3_stricmp(zTo, pRel->pTarget->zTable)==0 ){
      pRemote = &a[i];
    }
  }
  if( pLocal==0 || pRemote==0 ) return 0;
  ormBufInit(&local, p->pErr);
  ormBufInit(&remote, p->pErr);
  addNames(&local, pLocal->n, pLocal->azFrom);
  addNames(&remote, pRemote->n, pRemote->azFrom);
  zFix = relFix(p, pRel, "secondary_local=coalesce(secondary_local, %Q),"
      " secondary_remote=coalesce(secondary_remote, %Q)", ormBufText(&local),
      ormBufText(&remote));
  ormBufFree(&local);
  ormBufFree(&remote);
  return zFix;
}

/* The JSON array of the columns of a foreign key, its own or (bTo) those that
** it refers to. */
static const char *fkCell(OrmChecker *p, const OrmModel *pHolder,
                          const OrmFk *pFk, int bTo){
  const char *az[ORM_MAX_KEY], *z;
  OrmBuf buf;
  ormBufInit(&buf, p->pErr);
  for(int i=0; i<pFk->n; i++){
    az[i] = bTo ? pFk->azTo[i] : pHolder->aField[pFk->aField[i]].zName;
  }
  addNames(&buf, pFk->n, az);
  z = ormArenaText(&p->arena, ormBufText(&buf), buf.n);
  ormBufFree(&buf);
  return z ? z : "";
}

/* The first foreign key of a model to another; where a cell names columns, the
** first with just these. */
static const OrmFk *firstFk(OrmChecker *p, const OrmModel *pFrom,
                            const OrmModel *pTo, const char *zCell){
  const OrmFk *pFirst = 0;
  for(int i=0; i<pFrom->nFk; i++){
    const OrmFk *pFk = &pFrom->aFk[i];
    if( sqlite3_stricmp(pFk->zTarget, pTo->zTable)!=0 ) continue;
    if( pFirst==0 ) pFirst = pFk;
    if( zCell==0 ) break;
    if( strcmp(fkCell(p, pFrom, pFk, 0), zCell)==0 || (pFk->n==1
     && strcmp(pFrom->aField[pFk->aField[0]].zName, zCell)==0) ) return pFk;
  }
  return pFirst;
}

/* Several foreign keys fit: the first that was declared.  Where a cell says
** which columns already, and it was not enough, both cells do. */
static char *ambiguousFix(OrmChecker *p, const OrmRel *pRel){
  const OrmModel *pA = pRel->pModel, *pB = pRel->pTarget;
  const char *zLocal = pRel->zLocal, *zRemote = pRel->zRemote;
  const OrmFk *pOwn = firstFk(p, pA, pB, zLocal);
  const OrmFk *pTheirs = firstFk(p, pB, pA, zRemote);
  int bOwn = pOwn && (pTheirs==0 || zLocal || zRemote==0);
  const OrmModel *pHolder = bOwn ? pA : pB;
  const OrmFk *pFk = bOwn ? pOwn : pTheirs;
  if( zLocal || zRemote ){
    return relFix(p, pRel, "local_columns=%Q, remote_columns=%Q",
                  fkCell(p, pHolder, pFk, !bOwn),
                  fkCell(p, pHolder, pFk, bOwn));
  }
  return relFix(p, pRel, bOwn ? "local_columns=%Q" : "remote_columns=%Q",
                fkCell(p, pHolder, pFk, 0));
}

/* A name like that of the table that no model has. */
static const char *freeModelName(OrmChecker *p, const char *zTable){
  const char *zName = zTable;
  int bTaken = 1;
  for(int i=2; zName && bTaken; i++){
    sqlite3_stmt *pStmt = ormFactOpen(p->pOrm, p->pErr, "SELECT 1 FROM"
        " main.orm_model WHERE name=%Q COLLATE NOCASE", zName);
    bTaken = ormFactStep(p->pOrm, p->pErr, pStmt);
    sqlite3_finalize(pStmt);
    if( bTaken ) zName = ormArenaPrintf(&p->arena, "%s_%d", zTable, i);
  }
  return zName ? zName : "";
}

/* The document that gives a table an integer key, which holds its rowids. */
char *ormFixKey(OrmChecker *p, const char *zTable){
  OrmDdl *pDdl = ormDdlOfTable(p->pOrm, &p->arena, zTable);
  const char *zKey = "id", *zModel;
  char *zFix;
  OrmBuf doc;
  if( pDdl==0 ) return sqlite3_mprintf("ALTER TABLE main.\"%w\" RENAME TO"
                                       " \"orm_%w\"", zTable, zTable);
  for(int i=2; ormDdlColumn(pDdl, zKey)>=0; i++){
    zKey = ormArenaPrintf(&p->arena, "id%d", i);
    if( zKey==0 ) return 0;
  }
  zModel = freeModelName(p, zTable);
  ormBufInit(&doc, p->pErr);
  ormBufChar(&doc, '{');
  ormJsonString(&doc, zModel, (i64)strlen(zModel));
  ormBufChar(&doc, ':');
  ormSchemaKeyed(p->pErr, &doc, zTable, pDdl, zKey);
  ormBufChar(&doc, '}');
  zFix = sqlite3_mprintf("SELECT orm_migrate(%Q, '{\"keep\": true}')",
                         ormBufText(&doc));
  ormBufFree(&doc);
  return zFix;
}

char *ormFixModel(
  OrmChecker *p, const char *zModel, const char *zTable, const char *zMessage
){
  char *zFix = 0;
  if( strncmp(zMessage, "natural_key", 11)==0
   && strstr(zMessage, "is not UNIQUE") ){
    zFix = naturalFix(p, zModel, zTable);
  }
  if( zFix ) return zFix;
  return repair(p, aModelRepair, zMessage, zModel, "", zTable);
}

static int begins(const char *z, const char *zWith){
  return strncmp(z, zWith, strlen(zWith))==0;
}

/* Told by how the message begins: any text of the file may follow. */
char *ormFixRel(OrmChecker *p, const OrmRel *pRel, const char *zMessage){
  const char *zModel = pRel->pModel->zName;
  const char *zPast = zMessage + strspn(zMessage, "0123456789");
  char *zFix = 0;
  if( begins(zMessage, "no such cascade word") ){
    zFix = cascadeFix(p, pRel);
  }else if( begins(zPast, " foreign keys fit") ){
    zFix = ambiguousFix(p, pRel);
  }else if( begins(zPast, " foreign keys of ") ){
    zFix = linkFix(p, pRel);
  }else if( begins(zMessage, "no such model") && suggested(p, zMessage) ){
    zFix = relFix(p, pRel, "target=%Q", suggested(p, zMessage));
  }
  if( zFix ) return zFix;
  return repair(p, aRelRepair, zMessage, zModel, pRel->zName, "");
}
