package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.NonFiniteLoss;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.system.OnFailure;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs inputs through a decoder, block by block, and scores what may follow them. Inputs of one
 * length run together; none is padded, so that its numbers are the same beside whatever others it
 * runs. This is the one place where inputs meet the decoder. Memory holds the hidden states of all
 * of them.
 */
public final class ForwardPass implements AutoCloseable {
  private final Decoder decoder;
  private final List<Group> groups = new ArrayList<>();

  /**
   * Embeds the inputs.
   *
   * @param decoder stays open until this is closed
   * @param inputs longest first, as {@link Input#of} returns them
   */
  ForwardPass(Decoder decoder, List<Input> inputs) {
    this.decoder = decoder;
    Map<Integer, List<Input>> byLength = new LinkedHashMap<>();
    inputs.forEach(
        input ->
            byLength.computeIfAbsent(input.tokens().length, any -> new ArrayList<>()).add(input));
    OnFailure.run(this::close, () -> byLength.values().forEach(this::add));
  }

  private void add(List<Input> inputs) {
    List<int[]> tokens = inputs.stream().map(Input::tokens).toList();
    groups.add(new Group(inputs, new BlockwiseRun(decoder, tokens)));
  }

  /**
   * An input and the tokens that are scored after it.
   *
   * @param tokens the ids that the model reads
   * @param requests the numbers of the requests that it is the input of
   * @param targets what to score: for each of those requests the tokens of which the last one
   *     follows the input
   * @param place where the first of its requests stands, for messages
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared
  record Input(int[] tokens, List<Integer> requests, List<int[]> targets, String place) {
    /**
     * Returns the inputs of requests, longest first. Requests whose inputs are equal, as those of a
     * question whose answers have one token each, share one.
     *
     * @param all the requests, by whose numbers an input names them
     * @param places where each request stands, for messages
     */
    static List<Input> of(List<TokenRequest> all, List<String> places) {
      Map<IntBuffer, List<Integer>> byInput = new LinkedHashMap<>();
      for (int at = 0; at < all.size(); at++) {
        byInput
            .computeIfAbsent(IntBuffer.wrap(all.get(at).input()), any -> new ArrayList<>())
            .add(at);
      }
      return byInput.values().stream()
          .map(
              same ->
                  new Input(
                      all.get(same.getFirst()).input(),
                      same,
                      same.stream().map(at -> all.get(at).targets()).toList(),
                      places.get(same.getFirst())))
          .sorted(Comparator.comparingInt(input -> -input.tokens.length))
          .toList();
    }

    /** Returns how many tokens inputs have together. */
    static long tokens(List<Input> inputs) {
      return inputs.stream().mapToLong(input -> input.tokens.length).sum();
    }
  }

  /**
   * Runs all inputs through the next block.
   *
   * @param block the decoder's next one, open; it may have been changed
   */
  public void advance(Block block) {
    groups.forEach(group -> group.run.advance(block));
  }

  /**
   * Computes each request's log-likelihood, after the last block.
   *
   * @param scores takes them by the requests' numbers, in nats
   * @throws io.github.wandacuda.error.InputException if one isn't finite
   */
  void score(double[] scores) {
    for (Group group : groups) {
      for (int at = 0; at < group.inputs.size(); at++) {
        Input input = group.inputs.get(at);
        for (int request = 0; request < input.targets().size(); request++) {
          double loss = Arrays.stream(group.run.lastLosses(at, input.targets().get(request))).sum();
          if (!Double.isFinite(loss)) {
            throw NonFiniteLoss.of(decoder, input.tokens(), input.place(), loss);
          }
          scores[input.requests().get(request)] = -loss;
        }
      }
    }
  }

  @Override
  public void close() {
    groups.forEach(group -> group.run.close());
  }

  /** Inputs of one length, which run together. */
  private record Group(List<Input> inputs, BlockwiseRun run) {}
}
