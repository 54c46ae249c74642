package io.github.wandacuda.model;

import io.github.wandacuda.forward.Tensor;
import java.util.List;

/** Sees the inputs of a block's linear modules while the block runs. */
@FunctionalInterface
public interface InputObserver {
  /** Ignores all inputs. */
  InputObserver NONE = (modules, input) -> {};

  /**
   * Called before the modules run.
   *
   * @param modules full names of all linear modules that read this input
   * @param input [tokens, in_features]; valid during the call only
   */
  void input(List<String> modules, Tensor input);
}
