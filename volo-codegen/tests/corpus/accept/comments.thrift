# hash
// slashes
/* block */
/**/
/***/
/** doc */
/* a /* b */
/* a **/
/*** a ***/
struct A { 1: i32 a } // behind
struct B {} # behind
// héllo 世界
struct C { /* within */ 1: /* x */ i32 a // y
}
// at the end, no newline