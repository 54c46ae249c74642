package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibrate.BlockwiseRun;
import io.github.wandacuda.calibrate.NonFiniteLoss;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs inputs through a decoder and scores what may follow them. Inputs of one length run together;
 * none is padded, so that its numbers are the same beside whatever others it runs.
 */
final class ForwardPass {
  private final Decoder decoder;
  private final Operations operations;

  ForwardPass(Decoder decoder, Operations operations) {
    this.decoder = decoder;
    this.operations = operations;
  }

  /**
   * An input and the tokens that are scored after it.
   *
   * @param tokens the input
   * @param targets what to score: for each request the tokens of which the last one follows the
   *     input
   * @param sums the log-likelihood of each of the targets, in nats, filled in by the pass
   * @param place where the first of its requests stands, for messages
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared
  record Input(int[] tokens, List<int[]> targets, double[] sums, String place) {}

  /**
   * Scores inputs, all of them block by block, so that each block is loaded but once. This is the
   * one place where inputs meet the decoder.
   *
   * @param afterBlock called after each block
   * @throws io.github.wandacuda.error.InputException if a log-likelihood isn't finite
   */
  void score(List<Input> inputs, Runnable afterBlock) {
    Map<Integer, List<Input>> byLength = new LinkedHashMap<>();
    inputs.forEach(
        input ->
            byLength.computeIfAbsent(input.tokens().length, any -> new ArrayList<>()).add(input));
    List<Group> groups = new ArrayList<>();
    try {
      byLength.values().forEach(group -> groups.add(new Group(group)));
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          groups.forEach(group -> group.run.advance(block));
        }
        afterBlock.run();
      }
      groups.forEach(Group::sum);
    } finally {
      groups.forEach(Group::close);
    }
  }

  /** Inputs of one length. */
  private final class Group implements AutoCloseable {
    private final List<Input> inputs;
    private final BlockwiseRun run;

    Group(List<Input> inputs) {
      this.inputs = inputs;
      run = new BlockwiseRun(decoder, operations, inputs.stream().map(Input::tokens).toList());
    }

    void sum() {
      for (int at = 0; at < inputs.size(); at++) {
        Input input = inputs.get(at);
        for (int request = 0; request < input.targets().size(); request++) {
          double loss = Arrays.stream(run.lastLosses(at, input.targets().get(request))).sum();
          if (!Double.isFinite(loss)) {
            throw NonFiniteLoss.of(decoder, operations, input.tokens(), input.place(), loss);
          }
          input.sums()[request] = -loss;
        }
      }
    }

    @Override
    public void close() {
      run.close();
    }
  }
}
