package io.github.wandacuda.job.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How shards are shared out. */
class PartTest {
  @TempDir Path directory;

  private final List<SafetensorsFile> shards = new ArrayList<>();

  @AfterEach
  void close() {
    shards.forEach(SafetensorsFile::close);
  }

  private void shard(String name, int bytes) throws IOException {
    byte[] header =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(bytes, bytes)
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(Long.BYTES + header.length + bytes).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(header.length).put(header);
    shards.add(SafetensorsFile.open(Files.write(directory.resolve(name), file.array())));
  }

  private static long bytes(List<SafetensorsFile> share) {
    return share.stream().mapToLong(SafetensorsFile::byteSize).sum();
  }

  @Test
  void everyShardFallsToOnePart() throws IOException {
    for (int shard = 0; shard < 20; shard++) {
      shard("s" + shard, 1000 + 37 * shard);
    }
    for (int parts : new int[] {1, 2, 3, 7, 20, 21, 10_000}) {
      List<SafetensorsFile> all =
          new Part(1, parts).shares(shards).stream().flatMap(List::stream).toList();
      assertThat(all).containsExactlyInAnyOrderElementsOf(shards);
    }
  }

  @Test
  void noPartHasMoreThanAnotherByMoreThanAShard() throws IOException {
    Random random = new Random(7);
    for (int shard = 0; shard < 40; shard++) {
      shard("s" + shard, 100 + random.nextInt(5000));
    }
    List<Long> loads = new Part(1, 6).shares(shards).stream().map(PartTest::bytes).toList();
    long largest = shards.stream().mapToLong(SafetensorsFile::byteSize).max().orElseThrow();
    assertThat(Collections.max(loads) - Collections.min(loads)).isLessThan(largest);
  }

  @Test
  void theOrderInWhichShardsAreListedMakesNoDifference() throws IOException {
    for (int shard = 0; shard < 12; shard++) {
      shard("s" + shard, 500 + shard % 3);
    }
    List<SafetensorsFile> shuffled = new ArrayList<>(shards);
    Collections.shuffle(shuffled, new Random(3));
    for (int number = 1; number <= 5; number++) {
      Part part = new Part(number, 5);
      assertThat(part.shareOf(shuffled)).isEqualTo(part.shareOf(shards));
    }
  }

  @Test
  void readsPartsFromOneToAll() {
    assertThat(Part.parse("1/1")).isEqualTo(new Part(1, 1));
    assertThat(Part.parse("3/8")).isEqualTo(new Part(3, 8));
    assertThat(Part.parse("10000/10000")).isEqualTo(new Part(10_000, 10_000));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "/", "0/3", "4/3", "a/b", "3", "1/", "/3", "1/0", "0/0",
        "-1/3", "1/-3", "1/3/4", " 1/3", "1/3 ", "1/3\n", "1.0/3", "+1/3", "١/٣", "1/10001",
        "1/99999999999"
      })
  void refusesWhatIsNoPart(String text) {
    assertThatThrownBy(() -> Part.parse(text))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("`part`: expected 1/N to N/N");
  }
}
