package io.github.wandacuda.bench.common;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFilesTest {
  private static final ModelShape SHAPE = new ModelShape(2, 64, 176, 4, 2, 256);

  @TempDir Path directory;
  private final ModelFiles files = new ModelFiles(SHAPE);

  @BeforeEach
  void write() {
    files.writeModel(directory.resolve("model"), 100_000);
  }

  private Path model() {
    return directory.resolve("model");
  }

  @Test
  void theProgramReadsTheModel() throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(model())) {
      assertEquals(SHAPE.tensors().size(), checkpoint.tensors().count());
      assertEquals(14, LinearModules.of(ModelConfig.read(model()), checkpoint).size());
    }
    try (var shards = Files.list(model())) {
      assertTrue(shards.filter(file -> file.toString().endsWith(".safetensors")).count() > 2);
    }
  }

  @Test
  void theProgramReadsAnOpt() {
    OptShape shape = new OptShape(2, 64, 176, 4, 256);
    Path opt = directory.resolve("opt");
    new ModelFiles(shape).writeModel(opt, 100_000);
    try (Checkpoint checkpoint = Checkpoint.open(opt)) {
      var modules = LinearModules.of(ModelConfig.read(opt), checkpoint);
      assertEquals(12, modules.size());
      assertEquals(
          shape.linearElements(),
          modules.stream().mapToLong(module -> module.tensor().elements()).sum());
      assertEquals(shape.tensors().size(), checkpoint.tensors().count());
    }
  }

  @Test
  void weightsAreNormal() {
    Path shard = model().resolve("model-00001-of-00003.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(shard);
        Arena arena = Arena.ofConfined()) {
      TensorInfo info = file.tensor("model.layers.0.self_attn.q_proj.weight").orElseThrow();
      WeightMatrix matrix = WeightBytes.matrix(file, info, arena);
      double sum = 0;
      double squares = 0;
      for (int row = 0; row < matrix.rows(); row++) {
        for (int column = 0; column < matrix.columns(); column++) {
          sum += matrix.get(row, column);
          squares += Math.pow(matrix.get(row, column), 2);
        }
      }
      long count = matrix.elements();
      assertEquals(0, sum / count, 0.001);
      assertEquals(NormalWeights.DEVIATION, Math.sqrt(squares / count), 0.001);
    }
  }

  @Test
  void normsAreThereForEachLinearModule() {
    Path file = directory.resolve("norms.safetensors");
    files.writeStatistics(file);
    Set<String> modules =
        SHAPE.tensors().stream()
            .filter(CheckpointShape.Tensor::isLinear)
            .map(CheckpointShape.Tensor::module)
            .collect(Collectors.toSet());
    Statistics statistics = Statistics.read(file);
    assertEquals(modules, statistics.norms().keySet());
    assertEquals(176, statistics.norms().get("model.layers.1.mlp.down_proj").length);
  }

  @Test
  void samplesAreTokensOfTheModel() {
    Path file = directory.resolve("samples.json");
    files.writeSamples(file, 3, 20);
    var samples = Json.read(file);
    assertEquals(3, samples.size());
    for (var sample : samples) {
      assertEquals(20, sample.size());
      sample.forEach(id -> assertTrue(id.intValue() >= 0 && id.intValue() < 256));
    }
  }

  @Test
  void agreementCountsZerosOfLinearWeights() throws IOException {
    Path other = directory.resolve("other");
    files.writeModel(other, 100_000);
    double before = ZeroAgreement.of(model(), other);
    assertEquals(1, before);
    try (Checkpoint checkpoint = Checkpoint.open(other)) {
      zero(other, checkpoint, "model.layers.0.self_attn.q_proj.weight", 10);
      zero(other, checkpoint, "lm_head.weight", 10);
    }
    assertEquals(1 - 10.0 / SHAPE.linearElements(), ZeroAgreement.of(model(), other), 1e-12);
  }

  private static void zero(Path directory, Checkpoint checkpoint, String tensor, int count)
      throws IOException {
    for (Path shard : Files.list(directory).filter(f -> f.toString().contains("-of-")).toList()) {
      try (SafetensorsFile file = SafetensorsFile.open(shard);
          RandomAccessFile out = new RandomAccessFile(shard.toFile(), "rw")) {
        var info = file.tensor(tensor);
        if (info.isPresent()) {
          long at = file.dataOffset() + info.get().begin();
          out.seek(at);
          out.write(new byte[2 * count]);
        }
      }
    }
  }
}
