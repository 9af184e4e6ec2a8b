/*
** orm_generate(): the models as program text, so that a typed program and the
** file agree: TypeScript interfaces, Python TypedDicts, C structs, JSON Schema.
**
** The types are those of objects as they are read: every field that is not
** hidden, then the relationships, which are there only when included.  What
** is no identifier of the language is quoted where the language can, and made
** one where it cannot.
*/
#include "../orm_int.h"

/* What a value is, whatever the language calls it. */
enum { KIND_ANY, KIND_BOOLEAN, KIND_INTEGER, KIND_REAL, KIND_NUMBER, KIND_TEXT,
       KIND_BLOB, KIND_JSON, KIND_N };

typedef struct Generator Generator;
typedef struct Language Language;
struct Language {
  const char *zName;
  const char *zBegin, *zEnd;
  const char *azKind[KIND_N];
  void (*xDeclare)(Generator*, const OrmModel*); /* before all models, or 0   */
  void (*xModel)(Generator*, const OrmModel*);
};
struct Generator {
  Orm *pOrm;
  OrmErr *pErr;
  OrmBuf *pOut;
  const Language *pLanguage;
  u8 bModel;                    /* one is written                             */
};

static int fieldKind(const OrmField *p){
  static const u8 aKind[ORM_TYPE_N] = {
    [ORM_TYPE_BOOLEAN] = KIND_BOOLEAN, [ORM_TYPE_JSON] = KIND_JSON,
    [ORM_TYPE_DATE] = KIND_TEXT,       [ORM_TYPE_DATETIME] = KIND_TEXT,
    [ORM_TYPE_DECIMAL] = KIND_NUMBER,  [ORM_TYPE_BLOB] = KIND_BLOB,
    [ORM_TYPE_TEXT] = KIND_TEXT,       [ORM_TYPE_INTEGER] = KIND_INTEGER,
    [ORM_TYPE_REAL] = KIND_REAL
  };
  if( p->eType!=ORM_TYPE_ANY ) return aKind[p->eType];
  return p->cAff=='C' ? KIND_NUMBER : KIND_ANY;
}

static const char *kindName(const Generator *p, const OrmField *pField){
  return p->pLanguage->azKind[fieldKind(pField)];
}

static int fieldIsNullable(const OrmField *p){
  return !p->bNotNull && p->iKey==0;
}

/* May a to-one be null?  When its key may, or when the other side holds it. */
static int relIsNullable(const OrmRel *pRel){
  if( !pRel->bForeign ) return 1;
  for(int i=0; i<pRel->nLocal; i++){
    if( fieldIsNullable(&pRel->pModel->aField[pRel->aLocal[i]]) ) return 1;
  }
  return 0;
}

static int isLetter(char c){
  return (c>='a' && c<='z') || (c>='A' && c<='Z') || c=='_';
}

static int isIdentifier(const char *z){
  static const char *azReserved[] = {
    "False", "None", "True", "and", "as", "assert", "async", "await", "auto",
    "break", "case", "char", "class", "const", "continue", "def", "default",
    "del", "do", "double", "elif", "else", "enum", "except", "extern",
    "finally", "float", "for", "from", "global", "goto", "if", "import", "in",
    "inline", "int", "is", "lambda", "long", "nonlocal", "not", "or", "pass",
    "raise", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "try", "typedef", "union", "unsigned",
    "void", "volatile", "while", "with", "yield"
  };
  for(int i=0; i<ORM_COUNT(azReserved); i++){
    if( strcmp(z, azReserved[i])==0 ) return 0;
  }
  if( !isLetter(z[0]) ) return 0;
  for(; *z; z++){
    if( !isLetter(*z) && !(*z>='0' && *z<='9') ) return 0;
  }
  return 1;
}

static int isDigit(char c){
  return c>='0' && c<='9';
}

/* A name made an identifier: other characters become _, a digit at its start
** gets one in front and a reserved word one behind. */
static void addIdentifier(OrmBuf *p, const char *z){
  int bWord = isLetter(z[0]) && !isIdentifier(z);
  if( z[0]==0 || isDigit(z[0]) ) ormBufChar(p, '_');
  for(; *z; z++){
    int bKeep = isLetter(*z) || isDigit(*z);
    ormBufChar(p, bKeep ? *z : '_');
    bWord &= bKeep;
  }
  if( bWord ) ormBufChar(p, '_');
}

static void addString(OrmBuf *p, const char *z){
  ormJsonString(p, z, (i64)strlen(z));
}

/* --------------------------------------------------------- TypeScript --- */

static void typescriptKey(OrmBuf *p, const char *z){
  if( isIdentifier(z) ) ormBufAdd(p, z, -1);
  else addString(p, z);
}

static void typescriptRel(OrmBuf *p, const OrmRel *pRel){
  ormBufAdd(p, "  ", 2);
  typescriptKey(p, pRel->zName);
  ormBufAdd(p, "?: ", 3);
  addIdentifier(p, pRel->pTarget->zName);
  if( pRel->bMany ) ormBufAdd(p, "[]", 2);
  else if( relIsNullable(pRel) ) ormBufAdd(p, " | null", 7);
  ormBufAdd(p, ";\n", 2);
}

static void typescriptModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  ormBufAdd(pOut, "\nexport interface ", -1);
  addIdentifier(pOut, pModel->zName);
  ormBufAdd(pOut, " {\n", -1);
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( pField->bHidden ) continue;
    ormBufAdd(pOut, "  ", 2);
    typescriptKey(pOut, pField->zName);
    ormBufPrintf(pOut, ": %s%s;\n", kindName(p, pField),
                 fieldIsNullable(pField) ? " | null" : "");
  }
  for(int i=0; i<pModel->nRel; i++) typescriptRel(pOut, pModel->apRel[i]);
  ormBufAdd(pOut, "}\n", 2);
}

/* ------------------------------------------------------------- Python --- */

static void pythonFieldType(Generator *p, const OrmField *pField){
  const char *zKind = kindName(p, pField);
  if( fieldIsNullable(pField) ) ormBufPrintf(p->pOut, "Optional[%s]", zKind);
  else ormBufAdd(p->pOut, zKind, -1);
}

static void pythonRelType(Generator *p, const OrmRel *pRel){
  const char *zWrap = pRel->bMany ? "List[" :
                      relIsNullable(pRel) ? "Optional[" : 0;
  ormBufAdd(p->pOut, "NotRequired[", -1);
  if( zWrap ) ormBufAdd(p->pOut, zWrap, -1);
  ormBufChar(p->pOut, '"');
  addIdentifier(p->pOut, pRel->pTarget->zName);
  ormBufChar(p->pOut, '"');
  if( zWrap ) ormBufChar(p->pOut, ']');
  ormBufChar(p->pOut, ']');
}

/* A class when every key is an identifier, else a call with a dict. */
static void pythonModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  int bClass = 1, nKey = 0;
  for(int i=0; i<pModel->nField; i++){
    bClass &= isIdentifier(pModel->aField[i].zName);
  }
  for(int i=0; i<pModel->nRel; i++){
    bClass &= isIdentifier(pModel->apRel[i]->zName);
  }
  ormBufAdd(pOut, bClass ? "\n\nclass " : "\n\n", -1);
  addIdentifier(pOut, pModel->zName);
  ormBufAdd(pOut, bClass ? "(TypedDict):\n" : " = TypedDict(\"", -1);
  if( !bClass ){
    addIdentifier(pOut, pModel->zName);
    ormBufAdd(pOut, "\", {\n", -1);
  }
  for(int i=0; i<pModel->nField + pModel->nRel; i++){
    const OrmField *pField = i<pModel->nField ? &pModel->aField[i] : 0;
    const OrmRel *pRel = pField ? 0 : pModel->apRel[i - pModel->nField];
    if( pField && pField->bHidden ) continue;
    ormBufAdd(pOut, "    ", 4);
    if( bClass ) ormBufAdd(pOut, pField ? pField->zName : pRel->zName, -1);
    else addString(pOut, pField ? pField->zName : pRel->zName);
    ormBufAdd(pOut, ": ", 2);
    if( pField ) pythonFieldType(p, pField);
    else pythonRelType(p, pRel);
    ormBufAdd(pOut, bClass ? "\n" : ",\n", -1);
    nKey++;
  }
  if( !bClass ) ormBufAdd(pOut, "})\n", -1);
  else if( nKey==0 ) ormBufAdd(pOut, "    pass\n", -1);
}

/* ------------------------------------------------------------------ C --- */

static void cDeclare(Generator *p, const OrmModel *pModel){
  ormBufAdd(p->pOut, "typedef struct ", -1);
  addIdentifier(p->pOut, pModel->zName);
  ormBufChar(p->pOut, ' ');
  addIdentifier(p->pOut, pModel->zName);
  ormBufAdd(p->pOut, ";\n", 2);
}

/* Text and blobs say NULL by a null pointer, other nullable values have a
** flag beside them. */
static void cField(Generator *p, const OrmField *pField){
  int eKind = fieldKind(pField);
  ormBufPrintf(p->pOut, "  %s", kindName(p, pField));
  addIdentifier(p->pOut, pField->zName);
  ormBufAdd(p->pOut, ";\n", 2);
  if( eKind==KIND_BLOB ){
    ormBufAdd(p->pOut, "  size_t ", -1);
    addIdentifier(p->pOut, pField->zName);
    ormBufAdd(p->pOut, "_size;\n", -1);
  }else if( fieldIsNullable(pField) && eKind!=KIND_TEXT && eKind!=KIND_JSON
            && eKind!=KIND_ANY ){
    ormBufAdd(p->pOut, "  bool ", -1);
    addIdentifier(p->pOut, pField->zName);
    ormBufAdd(p->pOut, "_is_null;\n", -1);
  }
}

static void cModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  ormBufAdd(pOut, "\nstruct ", -1);
  addIdentifier(pOut, pModel->zName);
  ormBufAdd(pOut, " {\n", -1);
  for(int i=0; i<pModel->nField; i++){
    if( !pModel->aField[i].bHidden ) cField(p, &pModel->aField[i]);
  }
  for(int i=0; i<pModel->nRel; i++){
    const OrmRel *pRel = pModel->apRel[i];
    ormBufAdd(pOut, "  ", 2);
    addIdentifier(pOut, pRel->pTarget->zName);
    ormBufAdd(pOut, " *", 2);
    addIdentifier(pOut, pRel->zName);
    ormBufAdd(pOut, ";\n", 2);
    if( !pRel->bMany ) continue;
    ormBufAdd(pOut, "  size_t ", -1);
    addIdentifier(pOut, pRel->zName);
    ormBufAdd(pOut, "_count;\n", -1);
  }
  ormBufAdd(pOut, "};\n", 3);
}

/* -------------------------------------------------------- JSON Schema --- */

static void schemaField(Generator *p, const OrmField *pField){
  int eKind = fieldKind(pField);
  const char *zType = kindName(p, pField);
  ormBufAdd(p->pOut, "        ", -1);
  addString(p->pOut, pField->zName);
  ormBufAdd(p->pOut, ": {", 3);
  if( zType[0] ){
    int bNull = fieldIsNullable(pField);
    ormBufPrintf(p->pOut, bNull ? "\"type\": [\"%s\", \"null\"]"
                                : "\"type\": \"%s\"", zType);
  }
  if( eKind==KIND_BLOB ){
    ormBufAdd(p->pOut, ", \"contentEncoding\": \"base64\"", -1);
  }
  ormBufChar(p->pOut, '}');
}

static void schemaRel(Generator *p, const OrmRel *pRel){
  OrmBuf *pOut = p->pOut;
  OrmBuf ref;
  ormBufInit(&ref, p->pErr);
  ormBufPrintf(&ref, "#/$defs/%s", pRel->pTarget->zName);
  ormBufAdd(pOut, "        ", -1);
  addString(pOut, pRel->zName);
  ormBufAdd(pOut, pRel->bMany ? ": {\"type\": \"array\", \"items\": {\"$ref\": "
                              : ": {\"anyOf\": [{\"$ref\": ", -1);
  addString(pOut, ormBufText(&ref));
  ormBufAdd(pOut, pRel->bMany ? "}}" : "}, {\"type\": \"null\"}]}", -1);
  ormBufFree(&ref);
}

static void schemaModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  int nKey = 0;
  ormBufAdd(pOut, p->bModel ? ",\n    " : "    ", -1);
  addString(pOut, pModel->zName);
  ormBufAdd(pOut, ": {\n      \"type\": \"object\",\n"
                  "      \"properties\": {\n", -1);
  for(int i=0; i<pModel->nField; i++){
    if( pModel->aField[i].bHidden ) continue;
    if( nKey++ ) ormBufAdd(pOut, ",\n", 2);
    schemaField(p, &pModel->aField[i]);
  }
  for(int i=0; i<pModel->nRel; i++){
    if( nKey++ ) ormBufAdd(pOut, ",\n", 2);
    schemaRel(p, pModel->apRel[i]);
  }
  ormBufAdd(pOut, "\n      },\n      \"required\": [", -1);
  nKey = 0;
  for(int i=0; i<pModel->nField; i++){
    if( pModel->aField[i].bHidden ) continue;
    if( nKey++ ) ormBufAdd(pOut, ", ", 2);
    addString(pOut, pModel->aField[i].zName);
  }
  ormBufAdd(pOut, "]\n    }", -1);
}

static const Language aLanguage[] = {
  { "typescript",
    "/* The models of this file, as orm_generate('typescript') gave them. */\n",
    "",
    { "unknown", "boolean", "number", "number", "number", "string", "string",
      "unknown" },
    0, typescriptModel },
  { "python",
    "# The models of this file, as orm_generate('python') gave them.\n"
    "from typing import Any, List, NotRequired, Optional, TypedDict, Union\n",
    "",
    { "Any", "bool", "int", "float", "Union[int, float]", "str", "str",
      "Any" },
    0, pythonModel },
  { "c",
    "/* The models of this file, as orm_generate('c') gave them. */\n"
    "#ifndef ORM_MODELS_H\n#define ORM_MODELS_H\n"
    "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n",
    "\n#endif\n",
    { "char *", "bool ", "int64_t ", "double ", "double ", "char *",
      "unsigned char *", "char *" },
    cDeclare, cModel },
  { "jsonschema",
    "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
    "  \"$defs\": {\n",
    "\n  }\n}\n",
    { "", "boolean", "integer", "number", "number", "string", "string", "" },
    0, schemaModel },
};

static const char *languageName(const void *pArg, int i){
  ORM_UNUSED(pArg);
  return i<ORM_COUNT(aLanguage) ? aLanguage[i].zName : 0;
}

static const Language *languageFind(OrmErr *pErr, const char *zName){
  const char *zNear;
  for(int i=0; i<ORM_COUNT(aLanguage); i++){
    if( strcmp(zName, aLanguage[i].zName)==0 ) return &aLanguage[i];
  }
  zNear = ormNearest(zName, (i64)strlen(zName), languageName, 0);
  ormErr(pErr, SQLITE_ERROR, "orm: no such language: %s (did you mean %s?)",
         zName, zNear ? zNear : "typescript, python, c or jsonschema");
  return 0;
}

static void generateModel(
  Generator *p, OrmCatalog *pCatalog, int i, int bDeclare
){
  const char *zName = ormCatalogName(pCatalog, i);
  OrmModel *pModel = ormModelFind(p->pOrm, p->pErr, pCatalog, zName,
                                  (i64)strlen(zName));
  if( pModel==0 || !ormRelResolveAll(p->pOrm, p->pErr, pModel) ) return;
  if( bDeclare ){
    p->pLanguage->xDeclare(p, pModel);
  }else{
    p->pLanguage->xModel(p, pModel);
    p->bModel = 1;
  }
}

/* All models as text of the language; an error for an unknown one or for a
** model that cannot be loaded. */
void ormGenerate(Orm *pOrm, OrmErr *pErr, const char *zLanguage, OrmBuf *pOut){
  Generator generator = { pOrm, pErr, pOut, 0, 0 };
  OrmCatalog *pCatalog;
  generator.pLanguage = languageFind(pErr, zLanguage);
  pCatalog = generator.pLanguage ? ormCatalogPin(pOrm, pErr) : 0;
  if( pCatalog==0 ) return;
  ormBufAdd(pOut, generator.pLanguage->zBegin, -1);
  for(int bDeclare=1; bDeclare>=0; bDeclare--){
    if( bDeclare && generator.pLanguage->xDeclare==0 ) continue;
    for(int i=0; i<ormCatalogCount(pCatalog) && pErr->rc==SQLITE_OK; i++){
      generateModel(&generator, pCatalog, i, bDeclare);
    }
  }
  ormBufAdd(pOut, generator.pLanguage->zEnd, -1);
  ormCatalogUnpin(pOrm, pCatalog);
}
