package io.github.wandacuda.model;

import java.util.List;

/**
 * The heads of an attention.
 *
 * @param queries number of query heads
 * @param keyValueHeads number of key heads and of value heads, a divisor of {@code queries}
 * @param size features of a head
 */
public record Heads(int queries, int keyValueHeads, int size) {
  /**
   * Reads {@code num_attention_heads}, {@code num_key_value_heads} and {@code head_dim}.
   *
   * @param hidden the hidden size
   * @param otherwise features of a head if the config doesn't say; 0 for hidden size / heads
   * @throws io.github.wandacuda.error.InputException if the heads don't divide, or are wider
   *     together than any tensor
   */
  public static Heads of(ModelConfig config, int hidden, int otherwise) {
    int heads = config.positive("num_attention_heads");
    Heads all = new Heads(heads, heads, 1);
    int shared = all.grouped(config, List.of("num_key_value_heads")).keyValueHeads;
    boolean fixed = otherwise > 0 && !config.has("head_dim");
    int size = config.positive("head_dim", fixed ? otherwise : Math.max(1, hidden / heads));
    config.requireWidth("num_attention_heads", (long) heads * size);
    return new Heads(heads, shared, size);
  }

  /**
   * Reads the number of heads where each has a key and a value of its own; a head's size is hidden
   * size / heads.
   *
   * @param hidden the hidden size
   * @param keys keys of the number; the first one that is present counts
   * @throws io.github.wandacuda.error.InputException if the heads don't divide the hidden size
   */
  public static Heads sharing(ModelConfig config, int hidden, List<String> keys) {
    int heads = config.positive(keys);
    if (hidden % heads != 0) {
      throw config.wrong(keys.get(0), "a divisor of the hidden size " + hidden);
    }
    return new Heads(heads, heads, hidden / heads);
  }

  /**
   * Reads the number of key and value heads, which groups of query heads share.
   *
   * @param keys keys of the number, of which the first one that is present counts; without one
   *     there are as many as query heads
   * @throws io.github.wandacuda.error.InputException if the number doesn't divide that of query
   *     heads
   */
  public Heads grouped(ModelConfig config, List<String> keys) {
    boolean given = keys.stream().anyMatch(key -> config.find(key).isPresent());
    int shared = given ? config.positive(keys) : queries;
    if (queries % shared != 0) {
      throw config.wrong(keys.get(0), "a divisor of " + queries);
    }
    return new Heads(queries, shared, size);
  }

  /** Returns the features of all query heads. */
  public int queryWidth() {
    return Math.multiplyExact(queries, size);
  }

  /** Returns the features of all key heads, which are as many as those of all value heads. */
  public int keyValueWidth() {
    return Math.multiplyExact(keyValueHeads, size);
  }
}
