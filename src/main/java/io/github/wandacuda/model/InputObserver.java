package io.github.wandacuda.model;

import io.github.wandacuda.forward.Tensor;
import java.util.List;

/** Sees the inputs of a block's linear modules, and its experts' outputs, while the block runs. */
@FunctionalInterface
public interface InputObserver {
  InputObserver NONE = (modules, input) -> {};

  /**
   * An expert of a mixture.
   *
   * @param router the full name of the mixture's router
   * @param index the expert's number, from 0
   * @param count how many experts the mixture has
   */
  record Expert(String router, int index, int count) {}

  /**
   * Called before linear modules run; once for all modules that read the same input.
   *
   * @param modules full names of all linear modules that read this input
   * @param input [tokens, in_features]; valid during the call only
   */
  void input(List<String> modules, Tensor input);

  /**
   * Returns whether an expert, or the one that all tokens go to, is to run.
   *
   * @param output the full name of its last linear module
   */
  default boolean wants(String output) {
    return true;
  }

  /**
   * Called before an expert runs, or the one that all tokens go to.
   *
   * @param output the full name of its last linear module
   * @param rows the tokens that are sent to it, as rows of the mixture's input
   * @param weights the factor of each of its output's rows, as the model applies it
   */
  default void sent(String output, int[] rows, float[] weights) {}

  /**
   * Called after an expert has run, unless no token was sent to it.
   *
   * @param expert which one
   * @param weights the factor of each row, as the model applies it to the output
   * @param output [tokens, hidden size], not weighed yet; valid during the call only
   */
  default void expert(Expert expert, float[] weights, Tensor output) {}

  /**
   * Returns whether {@link #without} is to be called. If so, a mixture runs once more for each
   * expert.
   */
  default boolean seesAbsence() {
    return false;
  }

  /**
   * Called for each expert with the change of the mixture's output that leaving the expert out
   * makes, when the router chooses among the others.
   *
   * @param expert which one is left out
   * @param change [tokens, hidden size] of all tokens; valid during the call only
   */
  default void without(Expert expert, Tensor change) {}
}
