package io.github.wandacuda.adapter;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.LinearModule;

/**
 * A linear module of a model with the two tensors that an adapter has for it: W becomes W + scale ·
 * (B · A), with W as [out, in].
 *
 * <p>PEFT's {@code fan_in_fan_out} says that W is stored as [in, out]. As in PEFT the model's own
 * layout decides, whatever the config says: A and B are the same for both.
 *
 * @param a {@code lora_A.weight}, [rank, in]
 * @param b {@code lora_B.weight}, [out, rank]
 * @param scale α/r or α/√r
 */
public record LoraModule(
    LinearModule module, SafetensorsFile file, TensorInfo a, TensorInfo b, int rank, float scale) {
  ErrorDetails place(TensorInfo tensor) {
    return ErrorDetails.tensor(file.path(), tensor.name());
  }
}
