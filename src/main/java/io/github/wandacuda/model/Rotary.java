package io.github.wandacuda.model;

import io.github.wandacuda.forward.RotaryPairs;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;

/**
 * A rotary position embedding (Su et al., arXiv 2104.09864, section 3.2.2): the angle per position
 * of each pair of a head's features. Angles are float32 as in Hugging Face transformers, since at
 * large positions the rounding shows.
 *
 * @param pairs which features of a head are turned
 * @param cosines [positions, pairs]
 * @param sines as {@code cosines}
 */
public record Rotary(RotaryPairs pairs, PositionTable cosines, PositionTable sines) {
  /**
   * How far the positions of a sequence turn.
   *
   * @param frequencies the angle per position, one for each pair
   * @param factor by which cosines and sines are multiplied
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  public record Turns(float[] frequencies, float factor) {}

  /** Describes one that turns all sequences alike. */
  public static Rotary fixed(RotaryPairs pairs, Turns turns) {
    return byLength(pairs, length -> 0, length -> turns);
  }

  /**
   * Describes one whose turns depend on the length of the sequence, for all of its positions.
   *
   * @param kind a number that is the same for lengths with the same turns
   * @param turns of a sequence of a length
   */
  public static Rotary byLength(
      RotaryPairs pairs, IntUnaryOperator kind, IntFunction<Turns> turns) {
    return new Rotary(pairs, new Table(kind, turns, Math::cos), new Table(kind, turns, Math::sin));
  }

  /**
   * Describes what turns nothing, and multiplies a head's features by a factor.
   *
   * @param headSize features of a head, an even number
   * @param factor of each position
   */
  public static Rotary scaling(int headSize, IntToDoubleFunction factor) {
    int pairs = headSize / 2;
    return new Rotary(
        RotaryPairs.halves(headSize),
        (positions, length) -> {
          float[] table = new float[Math.multiplyExact(positions, pairs)];
          for (int at = 0; at < positions; at++) {
            Arrays.fill(table, at * pairs, (at + 1) * pairs, (float) factor.applyAsDouble(at));
          }
          return new PositionTable.Values(table, positions, pairs);
        },
        (positions, length) ->
            new PositionTable.Values(
                new float[Math.multiplyExact(positions, pairs)], positions, pairs));
  }

  /**
   * Computes cosines or sines, in float32.
   *
   * @param kinds see {@link PositionTable#kind}
   * @param function of the angle
   */
  private record Table(
      IntUnaryOperator kinds, IntFunction<Turns> turns, DoubleUnaryOperator function)
      implements PositionTable {
    @Override
    public int kind(int length) {
      return kinds.applyAsInt(length);
    }

    @Override
    public Values at(int positions, int length) {
      Turns of = turns.apply(length);
      int pairs = of.frequencies().length;
      float[] table = new float[Math.multiplyExact(positions, pairs)];
      for (int at = 0; at < table.length; at++) {
        float angle = at / pairs * of.frequencies()[at % pairs];
        table[at] = (float) function.applyAsDouble(angle) * of.factor();
      }
      return new Values(table, positions, pairs);
    }
  }
}
