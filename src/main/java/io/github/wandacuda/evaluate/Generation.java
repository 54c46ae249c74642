package io.github.wandacuda.evaluate;

import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * What was generated, and how long it took.
 *
 * @param tokens the new ids, the end token not among them
 * @param promptSeconds to run the prompt and choose the first token
 * @param decodeSeconds to run new tokens and choose the next ones
 * @param steps how many new tokens were run for that
 */
public record Generation(
    List<Integer> tokens, double promptSeconds, double decodeSeconds, int steps) {
  private static final double NANOS = 1e9;

  /**
   * Runs a prompt and generates tokens until one of them ends the text.
   *
   * @param decoder has room for the prompt and {@code limit - 1} tokens more
   * @param prompt one or more ids
   * @param limit how many tokens are generated at most, 0 or more
   * @param sampler chooses each by the logits
   * @param ends ids that end the text
   * @param listener told each new token at once, the end token not
   * @throws io.github.wandacuda.error.InputException if a logit isn't finite
   */
  public static Generation run(
      CachedDecoder decoder,
      int[] prompt,
      int limit,
      Sampler sampler,
      Set<Integer> ends,
      IntConsumer listener) {
    long began = System.nanoTime();
    IntStream.Builder tokens = IntStream.builder();
    int token = limit > 0 ? sampler.choose(decoder.next(prompt)) : -1;
    long ready = System.nanoTime();
    int count = 0;
    while (count < limit && !ends.contains(token)) {
      tokens.add(token);
      listener.accept(token);
      count++;
      if (count < limit) {
        token = sampler.choose(decoder.next(token));
      }
    }
    long ended = System.nanoTime();
    int steps = count < limit ? count : Math.max(0, count - 1);
    return new Generation(
        tokens.build().boxed().toList(), (ready - began) / NANOS, (ended - ready) / NANOS, steps);
  }

  /** Returns the new tokens a second, the first one left out; 0 if there were no more. */
  public double tokensPerSecond() {
    return steps == 0 ? 0 : steps / decodeSeconds;
  }
}
