package io.github.wandacuda.job;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import io.github.wandacuda.select.ResidentMatrix;

/**
 * A request to prune a module.
 *
 * @param module the module
 * @param inputs what is known beside the weights
 * @param held where the weight is pruned as a whole if it is needed afterwards, or null
 * @param resident the weight on the device if it is pruned there too, or null
 */
record ModuleRequest(
    LinearModule module, LayerInputs inputs, HeldWeight held, ResidentMatrix resident) {

  /** A request for a weight that isn't on the device. */
  public ModuleRequest(LinearModule module, LayerInputs inputs, HeldWeight held) {
    this(module, inputs, held, null);
  }

  /** Returns the norm of each input column, or null to score by magnitude. */
  public float[] norms() {
    return inputs.norms();
  }
}
