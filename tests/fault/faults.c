/*
** A Tcl module that makes SQLite fail on demand.
**
**     load ./faults.so Faults       before the first connection is opened
**     faults oom N ?persist?        the Nth allocation from now fails
**     faults io N ?persist?         the Nth file operation fails
**     faults full N ?persist?       the Nth write finds the disk full
**     faults interrupt DB N         the Nth opcode that DB runs is interrupted
**     faults stop                   no more; returns how many failed
**     faults outstanding            allocations that are not free yet
**     faults left                   operations until the fault happens
**
** Allocations are SQLite's, by SQLITE_CONFIG_MALLOC; file operations pass
** through a VFS named "faults", which is made the default.
*/
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <tcl.h>

/* One process, one thread, one fault at a time. */
static struct {
  int eKind;                    /* FAULT_..                                   */
  int nLeft;                    /* operations until it happens                */
  int bPersist;                 /* then all of them fail                      */
  int nHit;
  sqlite3 *db;                  /* with the progress handler                  */
} fault;
enum { FAULT_NONE, FAULT_OOM, FAULT_IO, FAULT_FULL, FAULT_INTERRUPT };

static int nOutstanding = 0;

/* Is this operation, of the kind, to fail? */
static int strikes(int eKind){
  if( fault.eKind!=eKind ) return 0;
  if( fault.nLeft>0 ) fault.nLeft--;
  if( fault.nLeft>0 || (fault.nHit && !fault.bPersist) ) return 0;
  fault.nHit++;
  return 1;
}

/* -------------------------------------------------------------- memory --- */

static sqlite3_mem_methods real;

static void *faultMalloc(int n){
  void *p = strikes(FAULT_OOM) ? 0 : real.xMalloc(n);
  if( p ) nOutstanding++;
  return p;
}

static void faultFree(void *p){
  if( p ) nOutstanding--;
  real.xFree(p);
}

static void *faultRealloc(void *p, int n){
  return strikes(FAULT_OOM) ? 0 : real.xRealloc(p, n);
}

static int faultSize(void *p){ return real.xSize(p); }
static int faultRoundup(int n){ return real.xRoundup(n); }
static int faultInit(void *p){ return real.xInit(p); }
static void faultShutdown(void *p){ real.xShutdown(p); }

static int installMemory(void){
  static sqlite3_mem_methods methods = {
    faultMalloc, faultFree, faultRealloc, faultSize, faultRoundup,
    faultInit, faultShutdown, 0
  };
  int rc = sqlite3_shutdown();
  if( rc==SQLITE_OK ) rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  methods.pAppData = real.pAppData;
  if( rc==SQLITE_OK ) rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
  return rc==SQLITE_OK ? sqlite3_initialize() : rc;
}

/* --------------------------------------------------------------- files --- */

typedef struct File { sqlite3_file base; sqlite3_file *pReal; } File;
#define REAL(p) (((File*)(p))->pReal)
#define CALL(p, x) REAL(p)->pMethods->x

static int fileClose(sqlite3_file *p){
  return CALL(p, xClose)(REAL(p));
}
static int fileRead(sqlite3_file *p, void *z, int n, sqlite3_int64 i){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_READ;
  return CALL(p, xRead)(REAL(p), z, n, i);
}
static int fileWrite(sqlite3_file *p, const void *z, int n, sqlite3_int64 i){
  if( strikes(FAULT_FULL) ) return SQLITE_FULL;
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_WRITE;
  return CALL(p, xWrite)(REAL(p), z, n, i);
}
static int fileTruncate(sqlite3_file *p, sqlite3_int64 n){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_TRUNCATE;
  return CALL(p, xTruncate)(REAL(p), n);
}
static int fileSync(sqlite3_file *p, int flags){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_FSYNC;
  return CALL(p, xSync)(REAL(p), flags);
}
static int fileFileSize(sqlite3_file *p, sqlite3_int64 *pn){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_FSTAT;
  return CALL(p, xFileSize)(REAL(p), pn);
}
static int fileLock(sqlite3_file *p, int e){
  return CALL(p, xLock)(REAL(p), e);
}
static int fileUnlock(sqlite3_file *p, int e){
  return CALL(p, xUnlock)(REAL(p), e);
}
static int fileCheckReservedLock(sqlite3_file *p, int *pb){
  return CALL(p, xCheckReservedLock)(REAL(p), pb);
}
static int fileControl(sqlite3_file *p, int op, void *pArg){
  return CALL(p, xFileControl)(REAL(p), op, pArg);
}
static int fileSectorSize(sqlite3_file *p){
  return CALL(p, xSectorSize)(REAL(p));
}
static int fileCharacteristics(sqlite3_file *p){
  return CALL(p, xDeviceCharacteristics)(REAL(p));
}
static int fileShmMap(sqlite3_file *p, int i, int n, int b, void volatile **pp){
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_SHMMAP;
  return CALL(p, xShmMap)(REAL(p), i, n, b, pp);
}
static int fileShmLock(sqlite3_file *p, int i, int n, int flags){
  return CALL(p, xShmLock)(REAL(p), i, n, flags);
}
static void fileShmBarrier(sqlite3_file *p){
  CALL(p, xShmBarrier)(REAL(p));
}
static int fileShmUnmap(sqlite3_file *p, int b){
  return CALL(p, xShmUnmap)(REAL(p), b);
}

static const sqlite3_io_methods fileMethods = {
  2, fileClose, fileRead, fileWrite, fileTruncate, fileSync, fileFileSize,
  fileLock, fileUnlock, fileCheckReservedLock, fileControl, fileSectorSize,
  fileCharacteristics, fileShmMap, fileShmLock, fileShmBarrier, fileShmUnmap,
  0, 0
};

static sqlite3_vfs *pRealVfs;
static sqlite3_vfs vfs;

static int vfsOpen(
  sqlite3_vfs *pVfs, const char *zName, sqlite3_file *pFile, int flags,
  int *pFlags
){
  File *p = (File*)pFile;
  int rc;
  (void)pVfs;
  p->base.pMethods = 0;
  p->pReal = (sqlite3_file*)&p[1];
  if( strikes(FAULT_IO) ) return SQLITE_CANTOPEN;
  rc = pRealVfs->xOpen(pRealVfs, zName, p->pReal, flags, pFlags);
  if( p->pReal->pMethods ) p->base.pMethods = &fileMethods;
  return rc;
}

static int vfsDelete(sqlite3_vfs *pVfs, const char *zName, int bSync){
  (void)pVfs;
  if( strikes(FAULT_IO) ) return SQLITE_IOERR_DELETE;
  return pRealVfs->xDelete(pRealVfs, zName, bSync);
}

static int installVfs(void){
  pRealVfs = sqlite3_vfs_find(0);
  vfs = *pRealVfs;
  vfs.pNext = 0;
  vfs.zName = "faults";
  vfs.szOsFile = (int)sizeof(File) + pRealVfs->szOsFile;
  vfs.xOpen = vfsOpen;
  vfs.xDelete = vfsDelete;
  return sqlite3_vfs_register(&vfs, 1);
}

/* -------------------------------------------------------------- command --- */

static int onProgress(void *pArg){
  (void)pArg;
  return strikes(FAULT_INTERRUPT);
}

/* The connection of a Tcl database command: it leads the command's data. */
static sqlite3 *connection(Tcl_Interp *pInterp, Tcl_Obj *pName){
  Tcl_CmdInfo info;
  if( !Tcl_GetCommandInfo(pInterp, Tcl_GetString(pName), &info) ) return 0;
  return *(sqlite3**)info.objClientData;
}

static int faultStop(void){
  int nHit = fault.nHit;
  if( fault.db ) sqlite3_progress_handler(fault.db, 0, 0, 0);
  memset(&fault, 0, sizeof(fault));
  return nHit;
}

static int faultCmd(
  ClientData pData, Tcl_Interp *pInterp, int nArg, Tcl_Obj *const*apArg
){
  static const char *azWord[] = { "oom", "io", "full", "interrupt", "stop",
                                  "outstanding", "left", 0 };
  static const int aKind[] = { FAULT_OOM, FAULT_IO, FAULT_FULL,
                               FAULT_INTERRUPT };
  int iWord, iCount = 2, n = 0;
  (void)pData;
  if( nArg<2 ){
    Tcl_WrongNumArgs(pInterp, 1, apArg, "what ?argument ...?");
    return TCL_ERROR;
  }
  if( Tcl_GetIndexFromObj(pInterp, apArg[1], azWord, "word", 0, &iWord) ){
    return TCL_ERROR;
  }
  if( iWord>=4 ){
    n = iWord==4 ? faultStop() : iWord==5 ? nOutstanding : fault.nLeft;
    Tcl_SetObjResult(pInterp, Tcl_NewIntObj(n));
    return TCL_OK;
  }
  faultStop();
  if( iWord==3 && nArg>3 ){
    fault.db = connection(pInterp, apArg[2]);
    iCount = 3;
  }
  if( nArg<=iCount || Tcl_GetIntFromObj(pInterp, apArg[iCount], &n) ){
    return TCL_ERROR;
  }
  if( fault.db ) sqlite3_progress_handler(fault.db, 1, onProgress, 0);
  fault.nLeft = n;
  fault.bPersist = nArg>iCount + 1;
  fault.eKind = aKind[iWord];
  return TCL_OK;
}

#ifdef _WIN32
__declspec(dllexport)
#endif
int Faults_Init(Tcl_Interp *pInterp){
  if( installMemory()!=SQLITE_OK || installVfs()!=SQLITE_OK ){
    Tcl_SetObjResult(pInterp, Tcl_NewStringObj(
        "a connection is open: load this module first", -1));
    return TCL_ERROR;
  }
  Tcl_CreateObjCommand(pInterp, "faults", faultCmd, 0, 0);
  return TCL_OK;
}
