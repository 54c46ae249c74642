package io.github.wandacuda.checkpoint.gguf;

import java.util.List;

/**
 * A tensor's entry in a GGUF header.
 *
 * @param shape sizes, outermost first, as safetensors has them: the file has them the other way
 *     round
 * @param begin the offset of its first byte in the data section
 */
public record GgufTensor(String name, GgufType type, List<Long> shape, long begin) {
  /** The embedding of tokens. */
  static final String EMBEDDING = "token_embd.weight";

  /** The head's matrix; a file without one takes the embedding. */
  static final String OUTPUT = "output.weight";

  /** The numbers by which Llama 3 divides frequencies. */
  static final String DIVISORS = "rope_freqs.weight";

  public GgufTensor {
    shape = List.copyOf(shape);
  }

  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  public long bytes() {
    return type.bytes(elements());
  }

  /** Returns the offset behind its last byte, without padding. */
  public long end() {
    return begin + bytes();
  }

  /** Returns the length of a row: of the elements that lie one after the other. */
  int columns() {
    return Math.toIntExact(shape.getLast());
  }

  /** Returns the rows of all dimensions but the last together. */
  int rows() {
    return Math.toIntExact(elements() / Math.max(1, shape.getLast()));
  }

  /** Returns the bytes of a row: of the elements that lie one after the other. */
  public long rowBytes() {
    return type.bytes(shape.getLast());
  }
}
