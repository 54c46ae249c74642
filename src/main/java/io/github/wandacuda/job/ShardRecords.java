package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.Sha256;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What parts have finished of a run: a file of records for each shard, in the output until the run
 * ends. The last record says that the others are complete.
 *
 * @param output the output directory
 * @param run the digest of the run's fingerprint, so that what is left of another run isn't taken
 * @param chosen the modules that are pruned
 */
record ShardRecords(Path output, String run, List<LinearModule> chosen) {
  private static final String SUFFIX = ".records";

  /** Returns the records of a run. */
  public static ShardRecords of(Path output, Fingerprint run, List<LinearModule> chosen) {
    byte[] parts = run.parts().toString().getBytes(StandardCharsets.UTF_8);
    return new ShardRecords(
        output, HexFormat.of().formatHex(Sha256.digest().digest(parts)), chosen);
  }

  private Path file(String shard) {
    return AtomicWrite.temporary(output.resolve(shard + SUFFIX));
  }

  private Fingerprint fingerprint() {
    return new Fingerprint(Map.of("sha256", run));
  }

  /** Returns a shard's modules that are pruned. */
  public List<LinearModule> modules(SafetensorsFile shard) {
    return chosen.stream().filter(module -> module.shard() == shard).toList();
  }

  /** Writes the records of a shard that is on the device, as are its masks. */
  public void write(SafetensorsFile shard, ShardResult result) {
    Map<String, LinearModule> modules = byTensor(shard);
    List<Map<String, Object>> records = new ArrayList<>();
    records.add(RunRecords.run(fingerprint()));
    result.tensors().forEach(tensor -> records.add(tensor.record(modules.get(tensor.name()))));
    records.add(last(result));
    RecordFile.write(file(result.shard()), records);
  }

  private static Map<String, Object> last(ShardResult result) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("shard", result.shard());
    record.put("node", result.node());
    if (result.check() != null) {
      OutputCheck.Found found = result.check().found();
      record.put("pruned", found.pruned());
      record.put("zeros", found.zeros());
      record.put("pruned_modules", List.copyOf(found.prunedModules()));
    }
    return record;
  }

  /** Returns what became of a shard, if it is finished and is there. */
  public Optional<ShardResult> read(SafetensorsFile shard) {
    String name = shard.path().getFileName().toString();
    List<JsonNode> records = RecordFile.read(file(name));
    if (records.isEmpty() || !isThere(shard, name)) {
      return Optional.empty();
    }
    JsonNode last = records.getLast();
    return RunRecords.read(records)
        .filter(found -> found.run().equals(fingerprint()))
        .filter(found -> name.equals(last.path("shard").textValue()))
        .flatMap(found -> ShardResult.Tensor.all(shard, byTensor(shard), found.tensors()))
        .map(
            tensors ->
                new ShardResult(
                    name,
                    last.path("node").asText(),
                    tensors,
                    false,
                    check(last),
                    new ShardResult.Seconds(0, 0, 0)));
  }

  private boolean isThere(SafetensorsFile shard, String name) {
    try (WrittenShard written = WrittenShard.open(output.resolve(name), shard).orElse(null)) {
      return written != null
          && written.isWhole()
          && ShardMasks.isWhole(ShardMasks.file(output, name), modules(shard));
    }
  }

  private static ShardResult.Check check(JsonNode last) {
    if (!last.has("pruned_modules")) {
      return null;
    }
    Set<String> modules = new HashSet<>();
    last.get("pruned_modules").forEach(module -> modules.add(module.asText()));
    return new ShardResult.Check(
        null,
        new OutputCheck.Found(last.path("pruned").asLong(), last.path("zeros").asLong(), modules));
  }

  private Map<String, LinearModule> byTensor(SafetensorsFile shard) {
    return modules(shard).stream()
        .collect(Collectors.toMap(module -> module.tensor().name(), module -> module));
  }
}
