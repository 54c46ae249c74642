package io.github.wandacuda.model;

/** How queries, keys and values are computed from a block's hidden states. */
public sealed interface ProjectionDescription {

  /**
   * A linear module for each of the three.
   *
   * @param query [heads * headSize, hidden]
   * @param key [keyValueHeads * headSize, hidden]
   * @param value as {@code key}
   */
  record Separate(LinearDescription query, LinearDescription key, LinearDescription value)
      implements ProjectionDescription {}

  /**
   * One linear module, whose output is split.
   *
   * @param linear [(heads + 2 * keyValueHeads) * headSize, hidden]
   * @param query the columns of its output that are queries
   * @param key the columns that are keys
   * @param value the columns that are values
   */
  record Fused(LinearDescription linear, Columns query, Columns key, Columns value)
      implements ProjectionDescription {

    /** Describes an output of all queries, then all keys, then all values. */
    public static Fused sideBySide(LinearDescription linear, Heads heads) {
      int queries = heads.queryWidth();
      int keys = heads.keyValueWidth();
      return new Fused(
          linear,
          new Columns(0, queries, 0),
          new Columns(queries, keys, 0),
          new Columns(queries + keys, keys, 0));
    }

    /** Describes an output in which each key and value head follows the queries that share it. */
    public static Fused byGroup(LinearDescription linear, Heads heads) {
      int queries = heads.queryWidth() / heads.keyValueHeads();
      int size = heads.size();
      int stride = queries + 2 * size;
      return new Fused(
          linear,
          new Columns(0, queries, stride),
          new Columns(queries, size, stride),
          new Columns(queries + size, size, stride));
    }
  }

  /**
   * Some columns of a fused output, in groups.
   *
   * @param offset the first group's first column
   * @param width columns of a group
   * @param stride columns from a group's first to the next group's first
   */
  record Columns(int offset, int width, int stride) {}
}
