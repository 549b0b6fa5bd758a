exception Failure {
  1: string reason,
  2: string reason,
}
