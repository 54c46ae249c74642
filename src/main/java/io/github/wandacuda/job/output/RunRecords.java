package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import java.io.Serializable;
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
 * The content of a run's journal.
 *
 * <ul>
 *   <li>{@code "run"}: the fingerprint; the first record;
 *   <li>{@code "tensor"}: a tensor is written, with the CRC-32C of its bytes and, for a module, its
 *       result;
 *   <li>{@code "states"}: the hidden states that a block will read are written, and all modules of
 *       the blocks before it;
 *   <li>{@code "resumed"}: a calibrated run was resumed at a block, so that earlier records of this
 *       and later blocks no longer hold.
 * </ul>
 *
 * @param run the fingerprint of the run
 * @param tensors the last record of each tensor, by its name
 * @param states the records of hidden states, the latest first
 */
public record RunRecords(Fingerprint run, Map<String, Tensor> tensors, List<States> states) {
  /**
   * A tensor that is written.
   *
   * @param name the tensor's full name
   * @param checksum the CRC-32C of its bytes
   * @param module the module's result; null for a copied tensor
   */
  public record Tensor(String name, int checksum, Module module) implements Serializable {
    /**
     * Returns the tensor of a module that was pruned.
     *
     * @param checksum the CRC-32C of its bytes
     * @param norms whether the module's norms are kept
     */
    public static Tensor of(ModuleResult result, int checksum, boolean norms) {
      return new Tensor(
          result.module().tensor().name(),
          checksum,
          new Module(
              result.pruned(),
              result.zeros(),
              result.zeroRows(),
              norms ? result.norms() : null,
              result.errors()));
    }

    /** Returns the journal's record of the tensor. */
    public Map<String, Object> record() {
      Map<String, Object> record = new LinkedHashMap<>();
      record.put("tensor", name);
      record.put("crc32c", JournalLines.hex(checksum));
      if (module != null) {
        module.addTo(record);
      }
      return record;
    }
  }

  /**
   * A module's result.
   *
   * @param pruned how many weights its mask prunes
   * @param zeros how many of its weights are zero
   * @param zeroRows how many of its rows are all zeros
   * @param norms of its input columns in a calibrated run, or null
   * @param errors of its outputs, or null if they weren't measured
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record Module(long pruned, long zeros, int zeroRows, float[] norms, OutputErrors errors)
      implements Serializable {
    /**
     * Returns the result of a module.
     *
     * @param known norms that are known otherwise, used if none were recorded
     */
    public ModuleResult result(LinearModule of, float[] known) {
      return new ModuleResult(of, pruned, zeros, zeroRows, known, errors);
    }

    private void addTo(Map<String, Object> record) {
      record.put("pruned", pruned);
      record.put("zeros", zeros);
      record.put("zero_rows", zeroRows);
      if (norms != null) {
        record.put("norms", encoded(norms));
      }
      if (errors != null) {
        record.put(
            "errors", List.of(errors.output(), errors.chosen(), errors.refined(), errors.result()));
      }
    }
  }

  /**
   * Hidden states that are written.
   *
   * @param block the block that will read them
   * @param checksum the CRC-32C of their bytes
   * @param tensors names of the tensors that were written before
   */
  public record States(int block, int checksum, Set<String> tensors) {}

  /** Returns the first record of a run's journal. */
  public static Map<String, Object> run(Fingerprint fingerprint) {
    return Map.of("run", fingerprint.parts());
  }

  /**
   * Returns the records of a shard's tensors that are to have one.
   *
   * @param chosen the run's modules in the shard
   * @return nothing unless all of these are recorded
   */
  public Optional<List<Tensor>> all(SafetensorsFile shard, List<LinearModule> chosen) {
    Set<TensorInfo> pruned = RunScope.tensors(chosen);
    List<Tensor> all = new ArrayList<>();
    for (TensorInfo tensor : shard.tensors()) {
      boolean module = pruned.contains(tensor);
      if (tensor.bytes() > 0 || module) {
        Tensor record = tensors.get(tensor.name());
        if (record == null || (record.module() != null) != module) {
          return Optional.empty();
        }
        all.add(record);
      }
    }
    return Optional.of(all);
  }

  /**
   * Returns the record of hidden states that are written.
   *
   * @param block the block that will read them
   * @param checksum the CRC-32C of their bytes
   */
  public static Map<String, Object> states(int block, int checksum) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("states", block);
    record.put("crc32c", JournalLines.hex(checksum));
    return record;
  }

  /** Returns the record of a calibrated run that resumes at a block, 0 for the first. */
  public static Map<String, Object> resumed(int block) {
    return Map.of("resumed", block);
  }

  /**
   * Reads a journal's records.
   *
   * @return nothing if they don't begin with a run
   */
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
        // No run writes such a record, so its tensor counts as unwritten.
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
        .removeIf(tensor -> tensor.getValue().module() != null && !left.contains(tensor.getKey()));
  }

  private static Tensor tensor(JsonNode record) {
    Module module =
        record.has("pruned")
            ? new Module(
                record.get("pruned").asLong(),
                record.path("zeros").asLong(),
                record.path("zero_rows").asInt(),
                record.has("norms") ? decoded(record.get("norms").asText()) : null,
                errors(record.path("errors")))
            : null;
    return new Tensor(record.get("tensor").asText(), checksum(record), module);
  }

  private static OutputErrors errors(JsonNode errors) {
    return errors.size() == 4
        ? new OutputErrors(
            errors.get(0).asDouble(),
            errors.get(1).asDouble(),
            errors.get(2).asDouble(),
            errors.get(3).asDouble())
        : null;
  }

  private static int checksum(JsonNode record) {
    return HexFormat.fromHexDigits(record.path("crc32c").asText());
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
