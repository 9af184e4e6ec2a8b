/*
** Keys: which object.  A key is the scalar itself, a JSON array in the order
** of a composite key, or a JSON object of the fields of any key of the model:
** the primary key, the natural key or another UNIQUE one.
**
** A text may be both the value of a single text key and JSON.  Then the text
** as it stands comes first: if an object has it, it is the key.
*/
#include "../orm_int.h"

static void keyBegin(
  OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel, int n,
  const int *aField
){
  memset(pKey, 0, sizeof(*pKey));
  pKey->pModel = pModel;
  pKey->n = n;
  pKey->aField = aField;
  pKey->iBind = pBinds->n;
  assert( pBinds->pArena->pErr->rc==SQLITE_OK );
}

/* "id", "(a, b)" */
static void fieldList(
  OrmBuf *pBuf, const OrmModel *pModel, int n, const int *aField
){
  if( n>1 ) ormBufChar(pBuf, '(');
  for(int i=0; i<n; i++){
    if( i ) ormBufAdd(pBuf, ", ", 2);
    ormBufAdd(pBuf, pModel->aField[aField[i]].zName, -1);
  }
  if( n>1 ) ormBufChar(pBuf, ')');
}

/* May a key be told by these fields?  Not by hidden ones. */
static int uniqueShown(const OrmModel *pModel, const OrmUnique *pUnique){
  for(int i=0; i<pUnique->n; i++){
    if( pModel->aField[pUnique->aField[i]].bHidden ) return 0;
  }
  return 1;
}

/* No key has these fields: say which keys there are. */
static void noSuchKey(
  OrmErr *pErr, const OrmModel *pModel, const OrmJson *pNode, int n,
  const int *aField
){
  OrmBuf given, keys;
  ormBufInit(&given, pErr);
  ormBufInit(&keys, pErr);
  fieldList(&given, pModel, n, aField);
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *pUnique = &pModel->aUnique[i];
    if( !uniqueShown(pModel, pUnique) ) continue;
    if( keys.n ) ormBufAdd(&keys, " or ", 4);
    fieldList(&keys, pModel, pUnique->n, pUnique->aField);
  }
  ormJsonErr(pErr, pNode, "%s is no key of %s: %s is", n ? ormBufText(&given)
             : "nothing", pModel->zName, ormBufText(&keys));
  ormBufFree(&given);
  ormBufFree(&keys);
}

/* The value of a field inside a JSON key. */
static void bindNode(
  OrmBinds *pBinds, const OrmModel *pModel, int iField, const OrmJson *pNode
){
  if( pNode->eType==ORM_JSON_ARRAY || pNode->eType==ORM_JSON_OBJECT ){
    ormJsonErr(pBinds->pArena->pErr, pNode, "a value of %s.%s is wanted, not"
        " %s", pModel->zName, pModel->aField[iField].zName,
        ormJsonTypeName(pNode));
    return;
  }
  ormKeyBind(pBinds, &pModel->aField[iField], pNode);
}

/* ------------------------------------------------------------------------
** Keys in JSON
*/
static int keyArray(
  OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel, const OrmJson *pNode
){
  OrmErr *pErr = pBinds->pArena->pErr;
  const OrmJson *p = pNode->pChild;
  keyBegin(pKey, pBinds, pModel, pModel->nKey, pModel->aKey);
  if( pNode->nChild!=pModel->nKey ){
    OrmBuf list;
    ormBufInit(&list, pErr);
    fieldList(&list, pModel, pModel->nKey, pModel->aKey);
    ormJsonErr(pErr, pNode, "the key of %s is %s: %d value%s, not %d",
               pModel->zName, ormBufText(&list), pModel->nKey,
               pModel->nKey==1 ? "" : "s", pNode->nChild);
    ormBufFree(&list);
    return 0;
  }
  for(int i=0; i<pModel->nKey; i++, p=p->pNext){
    bindNode(pBinds, pModel, pModel->aKey[i], p);
  }
  return pErr->rc==SQLITE_OK;
}

/* The fields that an object names, at most ORM_MAX_KEY; -1 and an error. */
static int keyFields(
  Orm *pOrm, OrmArena *pArena, OrmModel *pModel, const OrmJson *pNode,
  int *aField
){
  OrmParse parse;
  int n = 0;
  ormParseInit(&parse, pOrm, pArena, 0);
  for(const OrmJson *p=pNode->pChild; p; p=p->pNext){
    int iField = ormParseField(&parse, pModel, p, p->zKey, p->nKey);
    if( iField<0 ) return -1;
    for(int i=0; i<n; i++){
      if( aField[i]!=iField ) continue;
      ormJsonErr(parse.pErr, p, "%s is given twice", p->zKey);
      return -1;
    }
    if( n==ORM_MAX_KEY ){
      ormJsonErr(parse.pErr, p, "more than %d fields", ORM_MAX_KEY);
      return -1;
    }
    aField[n++] = iField;
  }
  return n;
}

static int keyObject(
  Orm *pOrm, OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel,
  const OrmJson *pNode
){
  OrmErr *pErr = pBinds->pArena->pErr;
  const OrmUnique *pUnique = 0;
  int aField[ORM_MAX_KEY];
  int n = keyFields(pOrm, pBinds->pArena, pModel, pNode, aField);
  if( n<0 ) return 0;
  for(int i=0; i<pModel->nUnique && pUnique==0; i++){
    const OrmUnique *p = &pModel->aUnique[i];
    if( ormSameFields(n, aField, p->n, p->aField) ) pUnique = p;
  }
  if( pUnique==0 ){
    noSuchKey(pErr, pModel, pNode, n, aField);
    return 0;
  }
  keyBegin(pKey, pBinds, pModel, n, pUnique->aField);
  if( !pUnique->bPrimary ) pKey->pUnique = pUnique;
  for(int i=0; i<n; i++){
    const OrmField *pField = &pModel->aField[pUnique->aField[i]];
    bindNode(pBinds, pModel, pUnique->aField[i],
             ormJsonMember(pNode, pField->zName));
  }
  return pErr->rc==SQLITE_OK;
}

/* A scalar given for a composite key. */
static void needsComposite(OrmErr *pErr, const OrmModel *pModel){
  OrmBuf list;
  ormBufInit(&list, pErr);
  fieldList(&list, pModel, pModel->nKey, pModel->aKey);
  ormErr(pErr, SQLITE_ERROR, "orm: the key of %s is %s: a JSON array or object"
         " is wanted", pModel->zName, ormBufText(&list));
  ormBufFree(&list);
}

int ormKeyFromJson(
  Orm *pOrm, OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel,
  const OrmJson *pNode
){
  assert( pBinds->pArena->pErr->rc==SQLITE_OK );
  if( pNode->eType==ORM_JSON_ARRAY ){
    return keyArray(pKey, pBinds, pModel, pNode);
  }
  return keyObject(pOrm, pKey, pBinds, pModel, pNode);
}

/* ------------------------------------------------------------------------
** Keys from SQL
*/

/* A text that could be a JSON array or object. */
static int looksJson(const char *z, i64 n){
  while( n>0 && (*z==' ' || *z=='\t' || *z=='\n' || *z=='\r') ) z++, n--;
  return n>0 && (*z=='{' || *z=='[');
}

/* The value itself as the (single) key. */
static int keyScalar(
  OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel, sqlite3_value *pVal
){
  keyBegin(pKey, pBinds, pModel, 1, pModel->aKey);
  ormBindValue(pBinds, pVal);
  return pBinds->pArena->pErr->rc==SQLITE_OK;
}

/* Is there an object that the key names? */
static int keyExists(Orm *pOrm, OrmKeyRef *pKey, const OrmBinds *pBinds){
  OrmArena *pArena = pBinds->pArena;
  OrmErr *pErr = pArena->pErr;
  OrmStmt *pStmt;
  OrmSql sql;
  int bFound;
  ormSqlInit(&sql, pOrm, pArena, 1);
  ormBufAdd(&sql.buf, "SELECT 1 FROM ", -1);
  ormBufTable(&sql.buf, pKey->pModel->zTable);
  ormBufAdd(&sql.buf, " AS t WHERE ", -1);
  ormKeySql(&sql, pKey, "t");
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), -1);
  ormBindAll(pErr, pStmt, 1, pBinds);
  bFound = ormStmtStep(pOrm, pErr, pStmt);
  ormStmtGive(pOrm, pErr, pStmt);
  ormSqlFree(&sql);
  return bFound;
}

/* A text that may be JSON, or (bText) the key as it stands. */
static int keyText(
  Orm *pOrm, OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel,
  sqlite3_value *pVal, int bText
){
  OrmErr *pErr = pBinds->pArena->pErr;
  OrmJson *pDoc;
  const char *z = (const char*)sqlite3_value_text(pVal);
  i64 n = sqlite3_value_bytes(pVal);
  char *zCopy = ormArenaText(pBinds->pArena, z, n);
  if( zCopy==0 ){
    ormErrOom(pErr);
    return 0;
  }
  if( bText ){
    OrmBinds exact = { pBinds->pArena, 0, 0, 0 };
    if( !keyScalar(pKey, &exact, pModel, pVal) ) return 0;
    if( keyExists(pOrm, pKey, &exact) || !ormJsonValid(zCopy, n) ){
      return pErr->rc ? 0 : keyScalar(pKey, pBinds, pModel, pVal);
    }
  }
  pDoc = ormJsonParse(pBinds->pArena, zCopy, n, "key");
  return pDoc ? ormKeyFromJson(pOrm, pKey, pBinds, pModel, pDoc) : 0;
}

int ormKeyParse(
  Orm *pOrm, OrmKeyRef *pKey, OrmBinds *pBinds, OrmModel *pModel,
  sqlite3_value *pVal
){
  OrmErr *pErr = pBinds->pArena->pErr;
  int eType = sqlite3_value_type(pVal);
  if( pErr->rc ) return 0;
  if( eType==SQLITE_TEXT ){
    const char *z = (const char*)sqlite3_value_text(pVal);
    char cAff = pModel->aField[pModel->aKey[0]].cAff;
    int bText = pModel->nKey==1 && cAff<='B';
    if( z && looksJson(z, sqlite3_value_bytes(pVal)) ){
      return keyText(pOrm, pKey, pBinds, pModel, pVal, bText);
    }
  }
  if( pModel->nKey==1 ) return keyScalar(pKey, pBinds, pModel, pVal);
  if( eType!=SQLITE_NULL ){
    needsComposite(pErr, pModel);
    return 0;
  }
  keyBegin(pKey, pBinds, pModel, pModel->nKey, pModel->aKey);
  for(int i=0; i<pModel->nKey; i++) ormBindNull(pBinds);
  return pErr->rc==SQLITE_OK;
}

/* "a = ?1 AND .." */
void ormKeySql(OrmSql *p, const OrmKeyRef *pKey, const char *zAlias){
  for(int i=0; i<pKey->n; i++){
    const char *zField = pKey->pModel->aField[pKey->aField[i]].zName;
    if( i ) ormBufAdd(&p->buf, " AND ", 5);
    ormBufColumn(&p->buf, zAlias, zField);
    ormBufAdd(&p->buf, " = ", 3);
    ormSqlParam(p, pKey->iBind + i);
  }
  if( pKey->pUnique && pKey->pUnique->bLiving ){
    ormDeletedSql(p, pKey->pModel, ORM_DELETED_HIDE, zAlias);
  }
}

int ormKeyFind(
  Orm *pOrm, OrmBinds *pBinds, OrmModel *pModel, sqlite3_value *pVal
){
  OrmErr *pErr = pBinds->pArena->pErr;
  OrmBinds given = { pBinds->pArena, 0, 0, 0 };
  OrmKeyRef key;
  OrmStmt *pStmt;
  OrmSql sql;
  int iFirst = -1;
  if( !ormKeyParse(pOrm, &key, &given, pModel, pVal) ) return -1;
  ormSqlInit(&sql, pOrm, pBinds->pArena, 1);
  for(int i=0; i<pModel->nKey; i++){
    ormBufAdd(&sql.buf, i ? ", " : "SELECT ", -1);
    ormBufColumn(&sql.buf, "t", pModel->aField[pModel->aKey[i]].zName);
  }
  ormBufAdd(&sql.buf, " FROM ", 6);
  ormBufTable(&sql.buf, pModel->zTable);
  ormBufAdd(&sql.buf, " AS t WHERE ", -1);
  ormKeySql(&sql, &key, "t");
  pStmt = ormStmtTake(pOrm, pErr, ormBufText(&sql.buf), -1);
  ormBindAll(pErr, pStmt, 1, &given);
  if( ormStmtStep(pOrm, pErr, pStmt) ){
    iFirst = pBinds->n;
    for(int i=0; i<pModel->nKey; i++){
      ormBindValue(pBinds, sqlite3_column_value(pStmt->p, i));
    }
  }
  ormStmtGive(pOrm, pErr, pStmt);
  ormSqlFree(&sql);
  return pErr->rc ? -1 : iFirst;
}

/* The text of the statement, kept with the model. */
static void thereSql(OrmErr *pErr, OrmModel *p){
  OrmErr *pOld;
  OrmArena *pArena = ormCatalogArena(p->pCatalog, pErr, &pOld);
  const char *z = ormArenaPrintf(pArena, "SELECT 1 FROM \"main\".\"%w\""
                      " WHERE \"%w\" = ?1", p->zTable,
                      p->aField[p->aKey[0]].zName);
  pArena->pErr = pOld;
  if( z==0 ) return;
  p->nThere = (int)strlen(z);
  p->zThere = z;
}

int ormRowidIsThere(Orm *pOrm, OrmErr *pErr, OrmModel *pModel, i64 iRowid){
  OrmStmt *pStmt;
  int bThere;
  if( pModel->zThere==0 ) thereSql(pErr, pModel);
  pStmt = ormStmtTake(pOrm, pErr, pModel->zThere, pModel->nThere);
  ormBindIntTo(pStmt, 1, iRowid);
  bThere = ormStmtStep(pOrm, pErr, pStmt);
  ormStmtGive(pOrm, pErr, pStmt);
  return bThere;
}
