/*
** orm_generate(): the models as program text, so that a typed program and the
** file agree: TypeScript interfaces, Python TypedDicts, C structs, JSON Schema.
**
** The types are those of objects as they are read: every field that is not
** hidden, then the relationships, which are there only when included.  What
** is no identifier of the language is quoted where the language can, and made
** one where it cannot: two names never become one, and none a word that the
** language has for itself.
*/
#include "../orm_int.h"

/* What a value is, whatever the language calls it. */
enum { KIND_ANY, KIND_BOOLEAN, KIND_INTEGER, KIND_REAL, KIND_NUMBER, KIND_TEXT,
       KIND_BLOB, KIND_JSON, KIND_N };

typedef struct Generator Generator;
typedef struct Language Language;
typedef struct Name Name;
typedef struct Names Names;
struct Language {
  const char *zName;
  const char *zBegin, *zEnd;
  const char *zReserved;        /* words, a blank before and after each       */
  int (*xReserved)(const char*); /* what else is, or 0                        */
  const char *azKind[KIND_N];
  void (*xDeclare)(Generator*, const OrmModel*); /* before all models, or 0   */
  void (*xModel)(Generator*, const OrmModel*);
};
/* The identifiers of one scope; each is of one name, and a name has one. */
#define N_NAME 64
struct Name {
  Name *pNextOf, *pNextIs;      /* in their buckets                           */
  const char *zOf, *zIs;        /* zOf is 0: of no name, only taken           */
};
struct Names { Name *apOf[N_NAME], *apIs[N_NAME]; };

struct Generator {
  Orm *pOrm;
  OrmErr *pErr;
  OrmBuf *pOut;
  const Language *pLanguage;
  OrmArena arena;
  Names *pModels;
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

/* ------------------------------------------------------- identifiers --- */

static int isLetter(char c){
  return (c>='a' && c<='z') || (c>='A' && c<='Z') || c=='_';
}

static int isDigit(char c){
  return c>='0' && c<='9';
}

static int endsWith(const char *z, const char *zEnd){
  size_t n = strlen(z), nEnd = strlen(zEnd);
  return n>=nEnd && strcmp(&z[n-nEnd], zEnd)==0;
}

/* C has more than words: what begins with __ or _X is the compiler's, and
** <stdint.h> has types and macros of these endings. */
static int isReservedC(const char *z){
  if( z[0]=='_' && (z[1]=='_' || (z[1]>='A' && z[1]<='Z')) ) return 1;
  if( endsWith(z, "_MAX") || endsWith(z, "_MIN") || endsWith(z, "_WIDTH") ){
    return 1;
  }
  return endsWith(z, "_t") && (strncmp(z, "int", 3)==0
      || strncmp(z, "uint", 4)==0);
}

static int isReserved(const Generator *p, const char *z){
  const char *zIn = p->pLanguage->zReserved;
  size_t n = strlen(z);
  if( p->pLanguage->xReserved && p->pLanguage->xReserved(z) ) return 1;
  while( (zIn = strstr(zIn, z))!=0 ){
    if( zIn[-1]==' ' && zIn[n]==' ' ) return 1;
    zIn += n;
  }
  return 0;
}

static int isIdentifier(const Generator *p, const char *z){
  if( !isLetter(z[0]) ) return 0;
  for(int i=0; z[i]; i++) if( !isLetter(z[i]) && !isDigit(z[i]) ) return 0;
  return !isReserved(p, z);
}

/* A name made an identifier: other characters become _, a digit at its start
** gets one in front.  In the arena. */
static const char *identifier(Generator *p, const char *z){
  char *zOut = ormArenaPrintf(&p->arena, "%s%s",
                              z[0]==0 || isDigit(z[0]) ? "_" : "", z);
  for(int i=0; zOut && zOut[i]; i++){
    if( !isLetter(zOut[i]) && !isDigit(zOut[i]) ) zOut[i] = '_';
  }
  return zOut;
}

/* What is reserved gets a _ behind; where that is still reserved (for how it
** begins), an x in front too. */
static const char *unreserved(Generator *p, const char *z){
  if( z && isReserved(p, z) ) z = ormArenaPrintf(&p->arena, "%s_", z);
  if( z && isReserved(p, z) ) z = ormArenaPrintf(&p->arena, "x%s", z);
  return z ? z : "";
}

static int nameTaken(const Names *pNames, const char *zIs){
  const Name *p = pNames->apIs[ormNameHash(zIs) % N_NAME];
  while( p && strcmp(p->zIs, zIs)!=0 ) p = p->pNextIs;
  return p!=0;
}

/* The identifier of a name; "" if there is none. */
static const char *nameOf(const Names *pNames, const char *zOf){
  const Name *p = pNames ? pNames->apOf[ormNameHash(zOf) % N_NAME] : 0;
  while( p && strcmp(p->zOf, zOf)!=0 ) p = p->pNextOf;
  return p ? p->zIs : "";
}

/* Take zWant, or the first of zWant_2, zWant_3 .. that is free, for zOf, or
** (zOf 0) for what has no name in the file.  Gives what was taken. */
static const char *nameTake(
  Generator *p, Names *pNames, const char *zOf, const char *zWant
){
  const char *zIs = unreserved(p, zWant);
  Name *pNew = ormArenaAlloc(&p->arena, sizeof(*pNew));
  Name **pp;
  if( pNew==0 ) return "";
  for(int i=2; p->pErr->rc==SQLITE_OK && nameTaken(pNames, zIs); i++){
    zIs = unreserved(p, ormArenaPrintf(&p->arena, "%s_%d", zWant, i));
  }
  pNew->zOf = zOf;
  pNew->zIs = zIs;
  pp = &pNames->apIs[ormNameHash(zIs) % N_NAME];
  pNew->pNextIs = *pp;
  *pp = pNew;
  if( zOf==0 ) return zIs;
  pp = &pNames->apOf[ormNameHash(zOf) % N_NAME];
  pNew->pNextOf = *pp;
  *pp = pNew;
  return zIs;
}

/* Identifiers for the names az[0..n): those that are such already keep them,
** whatever stands before them. */
static Names *namesNew(Generator *p, int n, const char *const *az){
  Names *pNames = ormArenaAlloc(&p->arena, sizeof(*pNames));
  for(int bKeep=1; pNames && bKeep>=0; bKeep--){
    for(int i=0; i<n && p->pErr->rc==SQLITE_OK; i++){
      if( isIdentifier(p, az[i])!=bKeep ) continue;
      nameTake(p, pNames, az[i], bKeep ? az[i] : identifier(p, az[i]));
    }
  }
  return pNames;
}

/* Of what a struct of the model has: fields that can be read, relationships. */
static Names *memberNames(Generator *p, const OrmModel *pModel){
  int n = 0;
  const char **az = ormArenaAlloc(&p->arena, (i64)sizeof(*az)
                                  *(pModel->nField + pModel->nRel + 1));
  if( az==0 ) return 0;
  for(int i=0; i<pModel->nField; i++){
    if( !pModel->aField[i].bHidden ) az[n++] = pModel->aField[i].zName;
  }
  for(int i=0; i<pModel->nRel; i++) az[n++] = pModel->apRel[i]->zName;
  return namesNew(p, n, az);
}

static Names *modelNames(Generator *p, OrmCatalog *pCatalog){
  int n = ormCatalogCount(pCatalog);
  const char **az = ormArenaAlloc(&p->arena, (i64)sizeof(*az)*(n + 1));
  if( az==0 ) return 0;
  for(int i=0; i<n; i++) az[i] = ormCatalogName(pCatalog, i);
  return namesNew(p, n, az);
}

static void addModel(Generator *p, const char *zModel){
  ormBufAdd(p->pOut, nameOf(p->pModels, zModel), -1);
}

static void addString(OrmBuf *p, const char *z){
  ormJsonString(p, z, (i64)strlen(z));
}

/* --------------------------------------------------------- TypeScript --- */

static void typescriptKey(Generator *p, const char *z){
  if( isIdentifier(p, z) ) ormBufAdd(p->pOut, z, -1);
  else addString(p->pOut, z);
}

static void typescriptRel(Generator *p, const OrmRel *pRel){
  OrmBuf *pOut = p->pOut;
  ormBufAdd(pOut, "  ", 2);
  typescriptKey(p, pRel->zName);
  ormBufAdd(pOut, "?: ", 3);
  addModel(p, pRel->pTarget->zName);
  if( pRel->bMany ) ormBufAdd(pOut, "[]", 2);
  else if( relIsNullable(pRel) ) ormBufAdd(pOut, " | null", 7);
  ormBufAdd(pOut, ";\n", 2);
}

static void typescriptModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  ormBufAdd(pOut, "\nexport interface ", -1);
  addModel(p, pModel->zName);
  ormBufAdd(pOut, " {\n", -1);
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( pField->bHidden ) continue;
    ormBufAdd(pOut, "  ", 2);
    typescriptKey(p, pField->zName);
    ormBufPrintf(pOut, ": %s%s;\n", kindName(p, pField),
                 fieldIsNullable(pField) ? " | null" : "");
  }
  for(int i=0; i<pModel->nRel; i++) typescriptRel(p, pModel->apRel[i]);
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
  addModel(p, pRel->pTarget->zName);
  ormBufChar(p->pOut, '"');
  if( zWrap ) ormBufChar(p->pOut, ']');
  ormBufChar(p->pOut, ']');
}

/* Can it be written in a class body?  (There __x would become _Class__x.) */
static int pythonIsKey(const Generator *p, const char *z){
  return isIdentifier(p, z) && strncmp(z, "__", 2)!=0;
}

/* A class when every key is an identifier, else a call with a dict. */
static void pythonModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  int bClass = 1, nKey = 0;
  for(int i=0; i<pModel->nField; i++){
    bClass &= pythonIsKey(p, pModel->aField[i].zName);
  }
  for(int i=0; i<pModel->nRel; i++){
    bClass &= pythonIsKey(p, pModel->apRel[i]->zName);
  }
  ormBufAdd(pOut, bClass ? "\n\nclass " : "\n\n", -1);
  addModel(p, pModel->zName);
  ormBufAdd(pOut, bClass ? "(TypedDict):\n" : " = TypedDict(\"", -1);
  if( !bClass ){
    addModel(p, pModel->zName);
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
  const char *z = nameOf(p->pModels, pModel->zName);
  ormBufPrintf(p->pOut, "typedef struct %s %s;\n", z, z);
}

/* A member beside another one, named after it. */
static void cBeside(
  Generator *p, Names *pNames, const char *zType, const char *zIs,
  const char *zEnd
){
  zIs = nameTake(p, pNames, 0, ormArenaPrintf(&p->arena, "%s%s", zIs, zEnd));
  ormBufPrintf(p->pOut, "  %s %s;\n", zType, zIs);
}

/* Text and blobs say NULL by a null pointer, other nullable values have a
** flag beside them. */
static void cField(Generator *p, Names *pNames, const OrmField *pField){
  int eKind = fieldKind(pField);
  const char *zIs = nameOf(pNames, pField->zName);
  ormBufPrintf(p->pOut, "  %s%s;\n", kindName(p, pField), zIs);
  if( eKind==KIND_BLOB ){
    cBeside(p, pNames, "size_t", zIs, "_size");
  }else if( fieldIsNullable(pField) && eKind!=KIND_TEXT && eKind!=KIND_JSON
            && eKind!=KIND_ANY ){
    cBeside(p, pNames, "bool", zIs, "_is_null");
  }
}

static void cModel(Generator *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  Names *pNames = memberNames(p, pModel);
  if( pNames==0 ) return;
  ormBufPrintf(pOut, "\nstruct %s {\n", nameOf(p->pModels, pModel->zName));
  for(int i=0; i<pModel->nField; i++){
    if( !pModel->aField[i].bHidden ) cField(p, pNames, &pModel->aField[i]);
  }
  for(int i=0; i<pModel->nRel; i++){
    const OrmRel *pRel = pModel->apRel[i];
    const char *zIs = nameOf(pNames, pRel->zName);
    ormBufAdd(pOut, "  ", 2);
    addModel(p, pRel->pTarget->zName);
    ormBufPrintf(pOut, " *%s;\n", zIs);
    if( pRel->bMany ) cBeside(p, pNames, "size_t", zIs, "_count");
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

/* A reference is a URI whose fragment is a JSON pointer: / and ~ are written
** ~1 and ~0, what may not stand in a URI is %XX. */
static void schemaRef(OrmBuf *pRef, const char *zModel){
  ormBufAdd(pRef, "#/$defs/", -1);
  for(const char *z=zModel; *z; z++){
    if( *z=='~' ) ormBufAdd(pRef, "~0", 2);
    else if( *z=='/' ) ormBufAdd(pRef, "~1", 2);
    else if( isLetter(*z) || isDigit(*z) || *z=='-' || *z=='.' ){
      ormBufChar(pRef, *z);
    }else{
      ormBufPrintf(pRef, "%%%02X", (u8)*z);
    }
  }
}

static void schemaRel(Generator *p, const OrmRel *pRel){
  OrmBuf *pOut = p->pOut;
  OrmBuf ref;
  ormBufInit(&ref, p->pErr);
  schemaRef(&ref, pRel->pTarget->zName);
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

/* Keywords, and the names of types that a type cannot have. */
static const char zTypescript[] =
  " any asserts await bigint boolean break case catch class const continue"
  " debugger default delete do else enum export extends false finally for"
  " function globalThis if implements import in infer instanceof interface"
  " keyof let never new null number object package private protected public"
  " readonly return static string super switch symbol this throw true try"
  " typeof undefined unique unknown var void while with yield ";

/* Keywords, and the names that the text itself uses. */
static const char zPython[] =
  " Any False List None NotRequired Optional True TypedDict Union and as"
  " assert async await bool break class continue def del elif else except"
  " finally float for from global if import in int is lambda nonlocal not or"
  " pass raise return str try while with yield ";

/* Keywords of C and C++ in all their versions, macros and types that the
** headers or the compiler may have; see isReservedC() too. */
static const char zC[] =
  " EOF NULL ORM_MODELS_H alignas alignof and and_eq asm auto bitand bitor bool"
  " break case catch char char16_t char32_t char8_t class co_await co_return"
  " co_yield compl concept const const_cast consteval constexpr constinit"
  " continue decltype default delete do double dynamic_cast else enum errno"
  " explicit export extern false float for friend goto i386 if inline int"
  " linux long max_align_t mutable namespace new noexcept not not_eq nullptr"
  " nullptr_t offsetof operator or or_eq private protected ptrdiff_t public"
  " register reinterpret_cast requires restrict return short signed size_t"
  " sizeof static static_assert static_cast stderr stdin stdout struct switch"
  " template this thread_local throw true try typedef typeid typename typeof"
  " typeof_unqual union unix unsigned using virtual void volatile wchar_t while"
  " xor xor_eq ";

static const Language aLanguage[] = {
  { "typescript",
    "/* The models of this file, as orm_generate('typescript') gave them. */\n",
    "", zTypescript, 0,
    { "unknown", "boolean", "number", "number", "number", "string", "string",
      "unknown" },
    0, typescriptModel },
  { "python",
    "# The models of this file, as orm_generate('python') gave them.\n"
    "from typing import Any, List, NotRequired, Optional, TypedDict, Union\n",
    "", zPython, 0,
    { "Any", "bool", "int", "float", "Union[int, float]", "str", "str",
      "Any" },
    0, pythonModel },
  { "c",
    "/* The models of this file, as orm_generate('c') gave them. */\n"
    "#ifndef ORM_MODELS_H\n#define ORM_MODELS_H\n"
    "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n",
    "\n#endif\n", zC, isReservedC,
    { "char *", "bool ", "int64_t ", "double ", "double ", "char *",
      "unsigned char *", "char *" },
    cDeclare, cModel },
  { "jsonschema",
    "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
    "  \"$defs\": {\n",
    "\n  }\n}\n", "", 0,
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
  Generator generator;
  Generator *p = &generator;
  OrmCatalog *pCatalog;
  memset(p, 0, sizeof(*p));
  p->pOrm = pOrm;
  p->pErr = pErr;
  p->pOut = pOut;
  p->pLanguage = languageFind(pErr, zLanguage);
  pCatalog = p->pLanguage ? ormCatalogPin(pOrm, pErr) : 0;
  if( pCatalog==0 ) return;
  ormArenaInit(&p->arena, pErr);
  p->pModels = modelNames(p, pCatalog);
  ormBufAdd(pOut, p->pLanguage->zBegin, -1);
  for(int bDeclare=1; bDeclare>=0; bDeclare--){
    if( bDeclare && p->pLanguage->xDeclare==0 ) continue;
    for(int i=0; i<ormCatalogCount(pCatalog) && pErr->rc==SQLITE_OK; i++){
      generateModel(p, pCatalog, i, bDeclare);
    }
  }
  ormBufAdd(pOut, p->pLanguage->zEnd, -1);
  ormArenaFree(&p->arena);
  ormCatalogUnpin(pOrm, pCatalog);
}
