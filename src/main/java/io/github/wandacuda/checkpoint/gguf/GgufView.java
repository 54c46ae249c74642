package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.checkpoint.TensorInfo;
import java.util.List;

/**
 * A tensor of Hugging Face's form of a model, and what its bytes are made of.
 *
 * @param info of whose place the length alone holds
 * @param rows give all of its bytes
 */
record GgufView(TensorInfo info, RowSource rows) {
  static GgufView of(String name, String dtype, List<Long> shape, long rowCount, RowSource rows) {
    return new GgufView(new TensorInfo(name, dtype, shape, 0, rowCount * rows.rowBytes()), rows);
  }
}
