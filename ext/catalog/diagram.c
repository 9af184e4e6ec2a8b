/*
** orm_diagram(): the models and their relationships as a picture's source, a
** Mermaid erDiagram or a Graphviz graph.
**
** A relationship and the one it mirrors are one line, drawn from the side
** whose rows are referred to.  Cardinalities are what the schema promises: the
** referred side is "exactly one" when the foreign key cannot be NULL, the
** referring side "at most one" for a one-to-one.
*/
#include "../orm_int.h"

typedef struct Diagram Diagram;
struct Diagram {
  Orm *pOrm;
  OrmErr *pErr;
  OrmBuf *pOut;
};

/* How the two formats write their parts. */
typedef struct DiagramFormat DiagramFormat;
struct DiagramFormat {
  const char *zName;
  const char *zBegin, *zEnd;
  void (*xModel)(Diagram*, const OrmModel*);
  void (*xEdge)(Diagram*, const OrmRel*);
};

static int isWordChar(char c){
  return (c>='a' && c<='z') || (c>='A' && c<='Z') || (c>='0' && c<='9')
      || c=='_' || (c & 0x80);
}

/* A name as one word: what is no letter, digit or _ becomes _. */
static void addWord(OrmBuf *p, const char *z){
  if( z[0]==0 || (z[0]>='0' && z[0]<='9') ) ormBufChar(p, '_');
  for(; *z; z++) ormBufChar(p, isWordChar(*z) ? *z : '_');
}

/* Text inside "..": quotes and line ends are no part of it. */
static void addQuoted(OrmBuf *p, const char *z){
  ormBufChar(p, '"');
  for(; *z; z++){
    int bBad = *z=='"' || *z=='\\' || (unsigned char)*z<' ';
    ormBufChar(p, bBad ? '\'' : *z);
  }
  ormBufChar(p, '"');
}

/* Is any of the columns that hold the foreign key allowed to be NULL? */
static int keyIsOptional(const OrmRel *pRel){
  const OrmModel *pFrom = pRel->bForeign ? pRel->pModel : pRel->pTarget;
  const int *aField = pRel->bForeign ? pRel->aLocal : pRel->aRemote;
  for(int i=0; i<pRel->nLocal; i++){
    const OrmField *pField = &pFrom->aField[aField[i]];
    if( !pField->bNotNull && pField->iKey==0 ) return 1;
  }
  return 0;
}

static int isUniqueField(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nUnique; i++){
    const OrmUnique *p = &pModel->aUnique[i];
    if( !p->bPrimary && p->n==1 && p->aField[0]==iField ) return 1;
  }
  return 0;
}

static int isForeignField(const OrmModel *pModel, int iField){
  for(int i=0; i<pModel->nFk; i++){
    for(int j=0; j<pModel->aFk[i].n; j++){
      if( pModel->aFk[i].aField[j]==iField ) return 1;
    }
  }
  return 0;
}

/* "posts / author", with the cascade words of either side behind its name. */
static void addLabel(Diagram *p, const OrmRel *pRel){
  OrmBuf label;
  ormBufInit(&label, p->pErr);
  for(int i=0; i<2; i++){
    const OrmRel *pSide = i==0 ? pRel : pRel->pBack;
    if( pSide==0 ) break;
    if( i==1 ) ormBufAdd(&label, " / ", 3);
    ormBufAdd(&label, pSide->zName, -1);
    if( pSide->zCascade && pSide->zCascade[0] ){
      ormBufPrintf(&label, " (%s)", pSide->zCascade);
    }
  }
  addQuoted(p->pOut, ormBufText(&label));
  ormBufFree(&label);
}

/* ------------------------------------------------------------ Mermaid --- */

static void mermaidField(Diagram *p, const OrmModel *pModel, int i){
  static const char *azMark[] = { "PK", "FK", "UK" };
  const OrmField *pField = &pModel->aField[i];
  int abMark[3];
  int nMark = 0;
  abMark[0] = pField->iKey>0;
  abMark[1] = isForeignField(pModel, i);
  abMark[2] = isUniqueField(pModel, i);
  ormBufAdd(p->pOut, "    ", 4);
  addWord(p->pOut, pField->zDecl[0] ? pField->zDecl : "ANY");
  ormBufChar(p->pOut, ' ');
  addWord(p->pOut, pField->zName);
  for(int k=0; k<3; k++){
    if( !abMark[k] ) continue;
    ormBufAdd(p->pOut, nMark++ ? ", " : " ", -1);
    ormBufAdd(p->pOut, azMark[k], -1);
  }
  ormBufChar(p->pOut, '\n');
}

static void mermaidModel(Diagram *p, const OrmModel *pModel){
  ormBufAdd(p->pOut, "  ", 2);
  addWord(p->pOut, pModel->zName);
  ormBufAdd(p->pOut, " {\n", -1);
  for(int i=0; i<pModel->nField; i++){
    if( !pModel->aField[i].bHidden ) mermaidField(p, pModel, i);
  }
  ormBufAdd(p->pOut, "  }\n", -1);
}

/* The crow's feet of the left and the right end. */
static void mermaidEdge(Diagram *p, const OrmRel *pRel){
  int bOptional = keyIsOptional(pRel);
  const char *zLeft = bOptional ? "|o" : "||";
  const char *zRight = bOptional ? "o|" : "||";
  if( pRel->eDir==ORM_MANY_TO_MANY ){
    zLeft = "}o";
    zRight = "o{";
  }else if( pRel->bForeign ){
    zLeft = pRel->eDir==ORM_ONE_TO_ONE ? "|o" : "}o";
  }else{
    zRight = pRel->bMany ? "o{" : "o|";
  }
  ormBufAdd(p->pOut, "  ", 2);
  addWord(p->pOut, pRel->pModel->zName);
  ormBufPrintf(p->pOut, " %s--%s ", zLeft, zRight);
  addWord(p->pOut, pRel->pTarget->zName);
  ormBufAdd(p->pOut, " : ", 3);
  addLabel(p, pRel);
  ormBufChar(p->pOut, '\n');
}

/* ----------------------------------------------------------- Graphviz --- */

static void addHtml(OrmBuf *p, const char *z){
  for(; *z; z++){
    switch( *z ){
      case '<': ormBufAdd(p, "&lt;", 4); break;
      case '>': ormBufAdd(p, "&gt;", 4); break;
      case '&': ormBufAdd(p, "&amp;", 5); break;
      case '"': ormBufAdd(p, "&quot;", 6); break;
      default:  ormBufChar(p, (unsigned char)*z<' ' ? ' ' : *z);
    }
  }
}

static void dotModel(Diagram *p, const OrmModel *pModel){
  OrmBuf *pOut = p->pOut;
  ormBufAdd(pOut, "  ", 2);
  addQuoted(pOut, pModel->zName);
  ormBufAdd(pOut, " [label=<<table border=\"0\" cellborder=\"1\" "
                  "cellspacing=\"0\"><tr><td colspan=\"2\"><b>", -1);
  addHtml(pOut, pModel->zName);
  ormBufAdd(pOut, "</b></td></tr>", -1);
  for(int i=0; i<pModel->nField; i++){
    const OrmField *pField = &pModel->aField[i];
    if( pField->bHidden ) continue;
    ormBufAdd(pOut, "<tr><td align=\"left\">", -1);
    if( pField->iKey ) ormBufAdd(pOut, "<u>", 3);
    addHtml(pOut, pField->zName);
    if( pField->iKey ) ormBufAdd(pOut, "</u>", 4);
    ormBufAdd(pOut, "</td><td align=\"left\">", -1);
    addHtml(pOut, pField->zDecl[0] ? pField->zDecl : " ");
    ormBufAdd(pOut, "</td></tr>", -1);
  }
  ormBufAdd(pOut, "</table>>];\n", -1);
}

static void dotEdge(Diagram *p, const OrmRel *pRel){
  const char *zOne = keyIsOptional(pRel) ? "0..1" : "1";
  const char *zFrom = zOne, *zTo = zOne;
  if( pRel->eDir==ORM_MANY_TO_MANY ){
    zFrom = zTo = "*";
  }else if( pRel->bForeign ){
    zFrom = pRel->eDir==ORM_ONE_TO_ONE ? "0..1" : "*";
  }else{
    zTo = pRel->bMany ? "*" : "0..1";
  }
  ormBufAdd(p->pOut, "  ", 2);
  addQuoted(p->pOut, pRel->pModel->zName);
  ormBufAdd(p->pOut, " -> ", 4);
  addQuoted(p->pOut, pRel->pTarget->zName);
  ormBufPrintf(p->pOut, " [taillabel=\"%s\", headlabel=\"%s\", label=",
               zFrom, zTo);
  addLabel(p, pRel);
  ormBufAdd(p->pOut, "];\n", 3);
}

static const DiagramFormat aFormat[] = {
  { "mermaid", "erDiagram\n", "", mermaidModel, mermaidEdge },
  { "dot",
    "digraph orm {\n"
    "  rankdir=LR;\n"
    "  node [shape=plain, fontname=\"sans-serif\"];\n"
    "  edge [fontname=\"sans-serif\", fontsize=10, dir=none];\n",
    "}\n", dotModel, dotEdge },
};

static const char *formatName(const void *pArg, int i){
  ORM_UNUSED(pArg);
  return i<ORM_COUNT(aFormat) ? aFormat[i].zName : 0;
}

static const DiagramFormat *formatFind(OrmErr *pErr, const char *zName){
  const char *zNear;
  for(int i=0; i<ORM_COUNT(aFormat); i++){
    if( strcmp(zName, aFormat[i].zName)==0 ) return &aFormat[i];
  }
  zNear = ormNearest(zName, (i64)strlen(zName), formatName, 0);
  ormErr(pErr, SQLITE_ERROR, "orm: no such diagram format: %s (did you mean "
         "%s?)", zName, zNear ? zNear : "mermaid or dot");
  return 0;
}

/* Of a relationship and its mirror image, draw the one that is not the foreign
** key's holder; of two alike the one that comes first by model and name. */
static int isDrawn(const OrmRel *pRel){
  const OrmRel *pBack = pRel->pBack;
  int c;
  if( pBack==0 ) return 1;
  if( pRel->eDir!=ORM_MANY_TO_MANY ) return !pRel->bForeign;
  c = strcmp(pRel->pModel->zName, pBack->pModel->zName);
  return c<0 || (c==0 && strcmp(pRel->zName, pBack->zName)<0);
}

static void diagramEdges(
  Diagram *p, const DiagramFormat *pFormat, OrmModel *pModel
){
  if( !ormRelResolveAll(p->pOrm, p->pErr, pModel) ) return;
  for(int i=0; i<pModel->nRel; i++){
    if( isDrawn(pModel->apRel[i]) ) pFormat->xEdge(p, pModel->apRel[i]);
  }
}

/* The diagram of all models in the named format; an error for an unknown one
** or for a model that cannot be loaded. */
void ormDiagram(Orm *pOrm, OrmErr *pErr, const char *zFormat, OrmBuf *pOut){
  Diagram diagram = { pOrm, pErr, pOut };
  const DiagramFormat *pFormat = formatFind(pErr, zFormat);
  OrmCatalog *pCatalog = pFormat ? ormCatalogPin(pOrm, pErr) : 0;
  if( pCatalog==0 ) return;
  ormBufAdd(pOut, pFormat->zBegin, -1);
  for(int iPass=0; iPass<2; iPass++){
    for(int i=0; i<ormCatalogCount(pCatalog); i++){
      const char *zName = ormCatalogName(pCatalog, i);
      OrmModel *pModel = ormModelFind(pOrm, pErr, pCatalog, zName,
                                      (i64)strlen(zName));
      if( pModel==0 ) break;
      if( iPass==0 ) pFormat->xModel(&diagram, pModel);
      else diagramEdges(&diagram, pFormat, pModel);
    }
  }
  ormBufAdd(pOut, pFormat->zEnd, -1);
  ormCatalogUnpin(pOrm, pCatalog);
}
