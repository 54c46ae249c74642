package io.github.wandacuda.io.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * A header's content.
 *
 * @param metadata {@code __metadata__}, in the file's order; empty if there is none
 * @param tensors the tensors in the order of their bytes
 * @param byName the same by their names
 */
record SafetensorsHeader(
    Map<String, String> metadata, List<TensorInfo> tensors, Map<String, TensorInfo> byName) {}
