package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Routing;
import java.util.ArrayList;
import java.util.List;

/**
 * The tokens that were sent to one expert.
 *
 * @param rows their rows, in order
 * @param weights of the expert, one for each
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
record ExpertTokens(int[] rows, float[] weights) {

  /** Sorts a routing's tokens by expert. */
  static List<ExpertTokens> of(Routing routing, int experts) {
    int[] counts = new int[experts];
    for (int expert : routing.experts()) {
      counts[expert]++;
    }
    List<ExpertTokens> all = new ArrayList<>();
    for (int count : counts) {
      all.add(new ExpertTokens(new int[count], new float[count]));
    }
    int[] filled = new int[experts];
    for (int place = 0; place < routing.experts().length; place++) {
      int expert = routing.experts()[place];
      int at = filled[expert]++;
      all.get(expert).rows()[at] = place / routing.expertsPerToken();
      all.get(expert).weights()[at] = routing.weights()[place];
    }
    return all;
  }
}
