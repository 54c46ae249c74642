package io.github.wandacuda.backend.cpu;

/** What came of a row that only some ways of pruning are good for. */
enum RowOutcome {
  /** It is pruned. */
  PRUNED,
  /** Another way has to prune it. Elements may be cleared, but none that is kept in the end. */
  LEFT,
  /** It holds a NaN or an infinity, and is as it was. */
  NON_FINITE
}
