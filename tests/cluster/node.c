/*
** A dqlite node that carries the extension: node ID ADDRESS DIRECTORY.
**
** Every connection that dqlite opens, on whichever node, gets it by
** sqlite3_auto_extension().  Runs until it is killed.
*/
#include <dqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "orm.h"

static int fail(dqlite_node *pNode, const char *zWhat){
  fprintf(stderr, "%s: %s\n", zWhat, pNode ? dqlite_node_errmsg(pNode) : "");
  return 1;
}

int main(int argc, char **argv){
  dqlite_node *pNode = 0;
  signal(SIGPIPE, SIG_IGN);     /* a peer that went away is no reason to      */
  if( argc!=4 ) return fail(0, "node ID ADDRESS DIRECTORY");
  if( dqlite_node_create(strtoull(argv[1], 0, 10), argv[2], argv[3], &pNode) ){
    return fail(pNode, "create");
  }
  if( dqlite_node_set_bind_address(pNode, argv[2])
   || dqlite_node_set_network_latency_ms(pNode, 5) ){
    return fail(pNode, "configure");
  }
  if( sqlite3_auto_extension((void(*)(void))sqlite3_orm_init) ){
    return fail(0, "auto_extension");
  }
  if( dqlite_node_start(pNode) ) return fail(pNode, "start");
  printf("ready\n");
  fflush(stdout);
  for(;;) pause();
}
