/*
** Directed graphs over small numbers, for the order of a cascade: lists of
** arcs, and strongly connected components with a stack of our own, so that a
** chain of any length costs no C stack.
*/
#include "cascade.h"

void ormArcsInit(Arcs *p, OrmArena *pArena, int n){
  memset(p, 0, sizeof(*p));
  p->pArena = pArena;
  p->n = n;
  p->aHead = ormArenaAlloc(pArena, (n+1)*(i64)sizeof(int));
  for(int i=0; p->aHead && i<n; i++) p->aHead[i] = -1;
}

void ormArcsAdd(Arcs *p, int iFrom, int iTo){
  int *piTo = ormArenaGrow(p->pArena, (void**)&p->aTo, p->nArc,
                           &p->nToAlloc, (int)sizeof(int));
  int *piNext = ormArenaGrow(p->pArena, (void**)&p->aNext, p->nArc,
                             &p->nNextAlloc, (int)sizeof(int));
  if( piNext==0 ) return;       /* or there was no memory before              */
  *piTo = iTo;
  *piNext = p->aHead[iFrom];
  p->aHead[iFrom] = p->nArc++;
}

typedef struct Scc Scc;
struct Scc {                    /* Tarjan's search                            */
  const Arcs *pArcs;
  int *aComp, nComp;            /* OUT                                        */
  int *aIndex, *aLow, *aNext;   /* per node; aIndex 0: not visited            */
  int *aStack, nStack;          /* of the component being found               */
  int *aCall, nCall;            /* nodes on the way down                      */
  int nIndex;
};

static void sccEnter(Scc *s, int i){
  s->aIndex[i] = s->aLow[i] = ++s->nIndex;
  s->aNext[i] = s->pArcs->aHead[i];
  s->aStack[s->nStack++] = i;
  s->aCall[s->nCall++] = i;
}

/* All arcs of node i are done: close its component if it is the first. */
static void sccLeave(Scc *s, int i){
  int j;
  s->nCall--;
  if( s->nCall ){
    int iUp = s->aCall[s->nCall-1];
    if( s->aLow[i]<s->aLow[iUp] ) s->aLow[iUp] = s->aLow[i];
  }
  if( s->aLow[i]!=s->aIndex[i] ) return;
  do{
    j = s->aStack[--s->nStack];
    s->aComp[j] = s->nComp;
    s->aIndex[j] = s->pArcs->n + 1;         /* out of the stack              */
  }while( j!=i );
  s->nComp++;
}

static void sccVisit(Scc *s, int iStart){
  sccEnter(s, iStart);
  while( s->nCall ){
    int i = s->aCall[s->nCall-1];
    if( s->aNext[i]<0 ){
      sccLeave(s, i);
    }else{
      int j = s->pArcs->aTo[s->aNext[i]];
      s->aNext[i] = s->pArcs->aNext[s->aNext[i]];
      if( s->aIndex[j]==0 ) sccEnter(s, j);
      else if( s->aIndex[j]<s->aLow[i] ) s->aLow[i] = s->aIndex[j];
    }
  }
}

int ormArcsComponents(const Arcs *p, int *aComp){
  Scc s;
  i64 n = (p->n+1)*(i64)sizeof(int);
  memset(&s, 0, sizeof(s));
  s.pArcs = p;
  s.aComp = aComp;
  s.aIndex = ormArenaAlloc(p->pArena, n);
  s.aLow = ormArenaAlloc(p->pArena, n);
  s.aNext = ormArenaAlloc(p->pArena, n);
  s.aStack = ormArenaAlloc(p->pArena, n);
  s.aCall = ormArenaAlloc(p->pArena, n);
  if( p->pArena->pErr->rc ) return 0;
  for(int i=0; i<p->n; i++) if( s.aIndex[i]==0 ) sccVisit(&s, i);
  return s.nComp;
}
