package io.github.wandacuda.pruning.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.SmallModules;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** This program's own files of masks. */
class MaskFileTest {
  private static final String DIGEST = "0123456789abcdef".repeat(4);
  private static final List<LinearModule> MODULES =
      List.of(SmallModules.of("h.0.a", 2, 10), SmallModules.of("h.0.b", 3, 8));
  private static final byte[] A = {5, 2, (byte) 0xff, 3};
  private static final byte[] B = {1, 2, (byte) 0x80};

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("masks.safetensors");
  }

  private static SafetensorsBytes metadata() {
    return new SafetensorsBytes().metadata("format", MaskFile.FORMAT, "source_sha256", DIGEST);
  }

  private static byte[] read(ModuleMasks masks, LinearModule module) {
    byte[] bits = new byte[(int) module.maskBytes()];
    masks.read(module, MemorySegment.ofArray(bits));
    return bits;
  }

  @Test
  void whatIsWrittenInAnyOrderIsRead() throws IOException {
    TreeMap<String, byte[]> golden =
        TestData.bytes(TestData.GOLDEN.resolve("wanda-50.masks.safetensors"));
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      List<LinearModule> modules = model.modules();
      Path other = folder.resolve("other");
      try (MaskFileWriter writer = new MaskFileWriter(file(), modules, DIGEST);
          MaskFileWriter ordered = new MaskFileWriter(other, modules, DIGEST)) {
        IntStream.range(0, modules.size())
            .parallel()
            .map(index -> modules.size() - 1 - index)
            .forEach(index -> writer.add(index, golden(golden, modules.get(index))));
        for (int index = 0; index < modules.size(); index++) {
          ordered.add(index, golden(golden, modules.get(index)));
        }
        assertThat(file()).doesNotExist();
        writer.finish();
        ordered.finish();
      }
      assertThat(file()).hasSameBinaryContentAs(other);
      assertThat(TestData.bytes(file()).keySet()).isEqualTo(golden.keySet());
      try (ModuleMasks masks = MaskFile.open(file(), modules, DIGEST)) {
        masks.require(modules);
        for (LinearModule module : modules) {
          assertThat(read(masks, module)).isEqualTo(golden.get(module.name() + ".mask"));
        }
      }
    }
    assertThat(TestData.names(folder)).containsExactly("masks.safetensors", "other");
  }

  private static MemorySegment golden(Map<String, byte[]> golden, LinearModule module) {
    return MemorySegment.ofArray(golden.get(module.name() + ".mask"));
  }

  @Test
  void theFormatIsTheDocumentedOne() throws IOException {
    try (MaskFileWriter writer = new MaskFileWriter(file(), MODULES, DIGEST)) {
      writer.add(1, MemorySegment.ofArray(B));
      writer.add(0, MemorySegment.ofArray(A));
      writer.finish();
    }
    String header =
        "{\"__metadata__\":{\"format\":\"wanda-cuda.masks.v1\",\"source_sha256\":\"%s\"},"
                .formatted(DIGEST)
            + "\"h.0.a.mask\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[0,4]},"
            + "\"h.0.b.mask\":{\"dtype\":\"U8\",\"shape\":[3,1],\"data_offsets\":[4,7]}}";
    byte[] bytes = Files.readAllBytes(file());
    assertThat(new String(bytes, 8, bytes.length - 15, StandardCharsets.UTF_8))
        .isEqualTo(header + " ".repeat(-header.length() & 7));
    assertThat(bytes).endsWith(5, 2, 0xff, 3, 1, 2, 0x80);
  }

  @Test
  void anyModelOfTheSameModulesDoesWhereNoDigestIsAsked() throws IOException {
    metadata().raw("h.0.b.mask", "U8", B, 3, 1).write(file());
    try (ModuleMasks masks = MaskFile.open(file(), MODULES, null)) {
      assertThat(read(masks, MODULES.get(1))).isEqualTo(B);
    }
  }

  static Stream<Arguments> others() {
    return Stream.of(
        Arguments.of(
            new SafetensorsBytes().metadata("format", "pt").raw("h.0.a.mask", "U8", A, 2, 2),
            "expected format wanda-cuda.masks.v1 in its metadata, found pt; masks are what a run of"
                + " prune saves"),
        Arguments.of(
            new SafetensorsBytes().metadata("format", MaskFile.FORMAT, "source_sha256", "00ff"),
            "metadata source_sha256: expected this model's, %s, found 00ff; the masks were made for"
                    .formatted(DIGEST)
                + " another model"),
        Arguments.of(
            metadata().raw("h.1.a.mask", "U8", A, 2, 2),
            "tensor h.1.a.mask: expected <module>.mask of a linear module, found none such; the"
                + " masks were made for another model"),
        Arguments.of(
            metadata().raw("h.0.a.mask", "U8", A, 2, 2),
            "tensor h.0.b.mask: expected a mask of the module, found none"),
        Arguments.of(
            metadata().raw("h.0.a.mask", "U8", A, 4, 1),
            "tensor h.0.a.mask: expected U8 [2, 2] for 2 x 10 weights, found U8 [4, 1]"),
        Arguments.of(
            metadata().raw("h.0.a.mask", "I8", A, 2, 2),
            "tensor h.0.a.mask: expected U8 [2, 2] for 2 x 10 weights, found I8 [2, 2]"),
        Arguments.of(
            metadata()
                .raw("h.0.a.mask", "U8", new byte[] {5, 2, 0, 4}, 2, 2)
                .raw("h.0.b.mask", "U8", B, 3, 1),
            "tensor h.0.a.mask: expected zeros after column 9 of row 1, found a bit that is set"));
  }

  @ParameterizedTest
  @MethodSource("others")
  void whatIsNoMaskOfThisModelIsRefused(SafetensorsBytes content, String message)
      throws IOException {
    content.write(file());
    assertThatThrownBy(
            () -> {
              try (ModuleMasks masks = MaskFile.open(file(), MODULES, DIGEST)) {
                masks.require(MODULES);
                MODULES.forEach(module -> read(masks, module));
              }
            })
        .isInstanceOf(InputException.class)
        .hasMessage(file() + ": " + message);
  }

  @Test
  void aMissingFileIsNamed() {
    assertThatThrownBy(() -> MaskFile.open(file(), MODULES, DIGEST))
        .isInstanceOf(InputException.class)
        .hasMessage(file() + ": expected a safetensors file, found nothing");
  }

  @Test
  void anEmptyFileIsRefused() throws IOException {
    Files.createFile(file());
    assertThatThrownBy(() -> MaskFile.open(file(), MODULES, DIGEST))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file() + ": expected at least 8 bytes, found 0 bytes");
  }

  /** The header's length is what a file begins with, and here it reads PK. */
  @Test
  void aFileThatBeginsAlmostLikeAnArchiveIsRead() throws IOException {
    writeFilled(0);
    int without = (int) Files.size(file()) - Long.BYTES - B.length;
    writeFilled(('P' | 'K' << 8) - without);
    assertThat(Files.readString(file(), StandardCharsets.ISO_8859_1)).startsWith("PK");
    try (ModuleMasks masks = MaskFile.open(file(), MODULES, null)) {
      assertThat(read(masks, MODULES.get(1))).isEqualTo(B);
    }
  }

  private void writeFilled(int filler) throws IOException {
    new SafetensorsBytes()
        .metadata("format", MaskFile.FORMAT, "filler", "x".repeat(filler))
        .raw("h.0.b.mask", "U8", B, 3, 1)
        .write(file());
  }

  @Test
  void twoFilesAreCombined() throws IOException {
    byte[] other = {4, 3, (byte) 0x0f, 0};
    metadata().raw("h.0.a.mask", "U8", A, 2, 2).write(file());
    metadata().raw("h.0.a.mask", "U8", other, 2, 2).write(folder.resolve("other"));
    LinearModule module = MODULES.get(0);
    try (ModuleMasks both =
            MaskFile.open(file(), MODULES, null)
                .intersection(MaskFile.open(folder.resolve("other"), MODULES, null));
        ModuleMasks either =
            MaskFile.open(file(), MODULES, null)
                .union(MaskFile.open(folder.resolve("other"), MODULES, null))) {
      assertThat(read(both, module)).isEqualTo(new byte[] {4, 2, 0x0f, 0});
      assertThat(read(either, module)).isEqualTo(new byte[] {5, 3, (byte) 0xff, 3});
      assertThatThrownBy(() -> both.require(MODULES)).hasMessageContaining("h.0.b.mask");
    }
  }

  @Test
  void anUnfinishedFileLeavesTheOldOne() throws IOException {
    Files.writeString(file(), "old");
    try (MaskFileWriter writer = new MaskFileWriter(file(), MODULES, DIGEST)) {
      writer.add(0, MemorySegment.ofArray(A));
      assertThatIllegalStateException()
          .isThrownBy(writer::finish)
          .withMessage("h.0.b: its mask was never written");
    }
    assertThat(file()).hasContent("old");
    assertThat(TestData.names(folder)).containsExactly("masks.safetensors");
  }

  @Test
  void whatIsNoMaskOfTheModuleIsNotWritten() {
    try (MaskFileWriter writer = new MaskFileWriter(file(), MODULES, DIGEST)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.add(0, MemorySegment.ofArray(B)))
          .withMessage("h.0.a: expected a mask of 4 bytes, found 3");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.add(0, MemorySegment.ofArray(new byte[] {5, 4, 0, 0})))
          .withMessage("h.0.a: a bit is set that is no weight's");
      writer.add(0, MemorySegment.ofArray(A));
      assertThatIllegalStateException()
          .isThrownBy(() -> writer.add(0, MemorySegment.ofArray(A)))
          .withMessage("h.0.a was written more than once");
    }
  }

  @Test
  void modulesOutOfOrderAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new MaskFileWriter(file(), MODULES.reversed(), DIGEST));
    assertThat(TestData.names(folder)).isEmpty();
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aDeviceIsRefused() {
    assertThatThrownBy(() -> new MaskFileWriter(Path.of("/dev/null"), MODULES, DIGEST))
        .isInstanceOf(OutputException.class)
        .hasMessage("/dev/null: expected a regular file, found a device or pipe");
  }
}
