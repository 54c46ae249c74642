package io.github.wandacuda.evaluate;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The inputs of requests, longest first. Requests whose inputs are equal, as those of a question
 * whose answers have one token each, share one.
 */
final class SharedInputs {
  private final List<TokenRequest> requests;
  private final List<String> places;
  private final List<List<Integer>> sharing;

  /**
   * Sorts requests.
   *
   * @param places where each stands, for messages
   */
  SharedInputs(List<TokenRequest> requests, List<String> places) {
    this.requests = requests;
    this.places = places;
    Map<IntBuffer, List<Integer>> byInput = new LinkedHashMap<>();
    for (int at = 0; at < requests.size(); at++) {
      byInput
          .computeIfAbsent(IntBuffer.wrap(requests.get(at).input()), any -> new ArrayList<>())
          .add(at);
    }
    sharing = new ArrayList<>(byInput.values());
    sharing.sort(Comparator.comparingInt((List<Integer> same) -> -length(same)));
  }

  private int length(List<Integer> same) {
    return requests.get(same.getFirst()).input().length;
  }

  /** Returns the tokens of each input. */
  int[] lengths() {
    return sharing.stream().mapToInt(this::length).toArray();
  }

  /** Returns the inputs {@code [from, to)}. */
  List<ForwardPass.Input> inputs(int from, int to) {
    return sharing.subList(from, to).stream().map(this::input).toList();
  }

  private ForwardPass.Input input(List<Integer> same) {
    return new ForwardPass.Input(
        requests.get(same.getFirst()).input(),
        same.stream().map(at -> requests.get(at).targets()).toList(),
        new double[same.size()],
        places.get(same.getFirst()));
  }

  /**
   * Puts the scores of inputs where their requests stand.
   *
   * @param from the first input's index
   * @param scores takes one for each request
   */
  void put(int from, List<ForwardPass.Input> inputs, double[] scores) {
    for (int at = 0; at < inputs.size(); at++) {
      List<Integer> same = sharing.get(from + at);
      for (int request = 0; request < same.size(); request++) {
        scores[same.get(request)] = inputs.get(at).sums()[request];
      }
    }
  }
}
