package io.github.wandacuda.job.record;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.prune.ModuleResult;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the records of a run's journal say.
 *
 * <ul>
 *   <li>{@code "run"}: the fingerprint, first;
 *   <li>{@code "tensor"}: a tensor is written, with the CRC-32C of its bytes and, for a module,
 *       what came out of it;
 *   <li>{@code "states"}: the hidden states that a block will see are written, and all modules of
 *       the blocks before it;
 *   <li>{@code "resumed"}: a calibrated run went on with the states of a block, so that what was
 *       said of later ones no longer holds.
 * </ul>
 *
 * @param run the fingerprint
 * @param tensors the last record of each tensor, by its name
 * @param states the records of hidden states, the latest first
 */
public record RunRecords(Fingerprint run, Map<String, Tensor> tensors, List<States> states) {

  /**
   * A tensor that is written.
   *
   * @param checksum of its bytes
   * @param module what came of it, unless it was copied
   */
  public record Tensor(int checksum, Optional<Module> module) {}

  /**
   * What came of a module.
   *
   * @param pruned weights that its mask takes out
   * @param zeros weights that are zero
   * @param zeroRows rows whose weights all are
   * @param norms of its input columns in a calibrated run, or null
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record Module(long pruned, long zeros, int zeroRows, float[] norms) {}

  /**
   * Hidden states that are written.
   *
   * @param block the block that will see them
   * @param checksum of their bytes
   * @param tensors those that were written before
   */
  public record States(int block, int checksum, Set<String> tensors) {}

  /** Returns the record of a run's beginning. */
  public static Map<String, Object> run(Fingerprint fingerprint) {
    return Map.of("run", fingerprint.parts());
  }

  /** Returns the record of a copied tensor. */
  public static Map<String, Object> tensor(String name, int checksum) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("tensor", name);
    record.put("crc32c", hex(checksum));
    return record;
  }

  /**
   * Returns the record of a pruned tensor.
   *
   * @param norms whether its norms are to be found there again
   */
  public static Map<String, Object> module(ModuleResult result, int checksum, boolean norms) {
    Map<String, Object> record = tensor(result.module().tensor().name(), checksum);
    record.put("pruned", result.pruned());
    record.put("zeros", result.zeros());
    record.put("zero_rows", result.zeroRows());
    if (norms && result.norms() != null) {
      record.put("norms", encoded(result.norms()));
    }
    return record;
  }

  /** Returns the record of hidden states. */
  public static Map<String, Object> states(int block, int checksum) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("states", block);
    record.put("crc32c", hex(checksum));
    return record;
  }

  /** Returns the record of a calibrated run that goes on with a block, 0 for the first. */
  public static Map<String, Object> resumed(int block) {
    return Map.of("resumed", block);
  }

  /** Reads a journal; returns nothing if it doesn't begin with a run. */
  public static Optional<RunRecords> read(List<JsonNode> records) {
    if (records.isEmpty() || !records.get(0).path("run").isObject()) {
      return Optional.empty();
    }
    Map<String, Tensor> tensors = new HashMap<>();
    List<States> states = new ArrayList<>();
    for (JsonNode record : records) {
      try {
        take(record, tensors, states);
      } catch (IllegalArgumentException noNumber) {
        // No run wrote it. What it speaks of counts as not done.
        tensors.remove(record.path("tensor").asText());
      }
    }
    return Optional.of(new RunRecords(Fingerprint.of(records.get(0).get("run")), tensors, states));
  }

  private static void take(JsonNode record, Map<String, Tensor> tensors, List<States> states) {
    if (record.has("tensor")) {
      tensors.put(record.get("tensor").asText(), tensor(record));
    } else if (record.has("states")) {
      Set<String> before = new HashSet<>(tensors.keySet());
      states.add(0, new States(record.get("states").asInt(), checksum(record), before));
    } else if (record.has("resumed")) {
      forgetFrom(record.get("resumed").asInt(), tensors, states);
    }
  }

  private static void forgetFrom(int block, Map<String, Tensor> tensors, List<States> states) {
    states.removeIf(later -> later.block() > block);
    Set<String> left = states.isEmpty() ? Set.of() : states.get(0).tensors();
    tensors
        .entrySet()
        .removeIf(
            tensor -> tensor.getValue().module().isPresent() && !left.contains(tensor.getKey()));
  }

  private static Tensor tensor(JsonNode record) {
    Optional<Module> module =
        record.has("pruned")
            ? Optional.of(
                new Module(
                    record.get("pruned").asLong(),
                    record.path("zeros").asLong(),
                    record.path("zero_rows").asInt(),
                    record.has("norms") ? decoded(record.get("norms").asText()) : null))
            : Optional.empty();
    return new Tensor(checksum(record), module);
  }

  private static int checksum(JsonNode record) {
    return HexFormat.fromHexDigits(record.path("crc32c").asText());
  }

  private static String hex(int checksum) {
    return HexFormat.of().toHexDigits(checksum);
  }

  private static String encoded(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
    bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  private static float[] decoded(String text) {
    ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(text));
    float[] values = new float[bytes.capacity() / Float.BYTES];
    bytes.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }
}
