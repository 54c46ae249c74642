package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.job.record.Part;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one part of a run would write.
 *
 * @param shards its own
 * @param all how many there are of all parts
 */
record PartShare(Part part, List<SafetensorsFile> shards, int all) {
  static PartShare of(Part part, List<SafetensorsFile> shards) {
    return new PartShare(part, part.shareOf(shards), shards.size());
  }

  private long bytes() {
    return shards.stream().mapToLong(SafetensorsFile::byteSize).sum();
  }

  Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("number", part.number());
    object.put("of", part.of());
    object.put("shards", shards.stream().map(SafetensorsFile::fileName).toList());
    object.put("bytes", bytes());
    return object;
  }

  String text() {
    return "%s: %d of %d shards, %s; all parts together:"
        .formatted(part, shards.size(), all, PlanPrinter.size(bytes()));
  }
}
