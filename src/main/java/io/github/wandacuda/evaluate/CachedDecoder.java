package io.github.wandacuda.evaluate;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.KeyValueCache;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A decoder that goes through one sequence token by token: all its blocks stay open, and the keys
 * and values of earlier tokens are kept. On the CPU the logits are those of the whole sequence, to
 * the bit; GPUs, and the CPU by packed weights, add in another order when they run many tokens at
 * once, so there they agree within rounding. Used from one thread.
 */
public final class CachedDecoder implements AutoCloseable {
  private final Decoder decoder;
  private final List<Block> blocks = new ArrayList<>();
  private final KeyValueCache cache;

  /** The tokens that have been run, and perhaps some behind them that were forgotten. */
  private int[] sequence = {};

  /** How long the sequence was when the keys that are kept were rotated. */
  private int rotated;

  /**
   * Opens all blocks.
   *
   * @param decoder stays open until this is closed; best one whose weights are resident
   * @param capacity tokens of the sequence at most, 1 or more
   * @throws CancelledException if the thread is interrupted
   */
  public CachedDecoder(Decoder decoder, int capacity) {
    this.decoder = decoder;
    cache = decoder.cache(capacity);
    try {
      for (int index = 0; index < decoder.blocks(); index++) {
        CancelledException.throwIfInterrupted();
        blocks.add(decoder.block(index));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Returns how many tokens have been run and not forgotten. */
  public int length() {
    return cache.length();
  }

  /**
   * Forgets all tokens but the first ones. Layers that keep no more than a state of the tokens
   * before can't go back: then those that stay are run once more.
   *
   * @param count how many stay, at most {@link #length}
   */
  public void truncate(int count) {
    if (cache.truncate(count) < count) {
      var unused = next(Arrays.copyOf(sequence, count));
    }
  }

  /**
   * Runs the next tokens of the sequence; all of them once more where the rotary embedding is
   * another one at the new length, since no key that was kept is right then.
   *
   * @param tokens one or more ids below the vocabulary
   * @return the logits of what follows the last one, one for each token of the vocabulary
   * @throws InputException if one of them isn't finite
   * @throws CancelledException if the thread is interrupted
   */
  public float[] next(int... tokens) {
    int past = cache.length();
    int length = past + tokens.length;
    sequence = Arrays.copyOf(sequence, length);
    System.arraycopy(tokens, 0, sequence, past, tokens.length);
    if (past > 0 && !decoder.rotatesAlike(rotated, length)) {
      cache.truncate(0);
    }
    rotated = length;
    return run(Arrays.copyOfRange(sequence, cache.length(), length));
  }

  private float[] run(int[] tokens) {
    try (Tensor hidden = decoder.operations().tensor(tokens.length, decoder.hiddenSize())) {
      decoder.embedNext(tokens, cache.length(), hidden);
      for (Block block : blocks) {
        CancelledException.throwIfInterrupted();
        block.extend(hidden, cache);
      }
      cache.append(tokens.length);
      Tensor last = decoder.logits(hidden.rows(tokens.length - 1, 1));
      float[] logits = new float[last.columns()];
      decoder.operations().download(last, MemorySegment.ofArray(logits));
      requireFinite(logits);
      return logits;
    }
  }

  private void requireFinite(float[] logits) {
    for (int id = 0; id < logits.length; id++) {
      if (!Float.isFinite(logits[id])) {
        throw ErrorDetails.of("the logits")
            .part("after %d tokens".formatted(cache.length()))
            .hint("'wanda-cuda perplexity' finds the module where it begins")
            .wrong("finite numbers", "%s for token %d".formatted(logits[id], id));
      }
    }
  }

  @Override
  public void close() {
    blocks.forEach(Block::close);
    blocks.clear();
    cache.close();
  }
}
