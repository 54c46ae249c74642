package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every expected number is what CPython 3.11 printed. */
class PythonRandomTest {
  @ParameterizedTest
  @CsvSource({
    "0, 3626764237, 1654615998, 3255389356, 3823568514",
    "1, 577090037, 2444712010, 3639700191, 3445702192",
    "-1, 577090037, 2444712010, 3639700191, 3445702192",
    "42, 2746317213, 478163327, 107420369, 3184935163",
    "2147483648, 1455117090, 1620553392, 2169224728, 3773848694",
    "4294967295, 2728839433, 2661025012, 872737089, 924893097",
    "4294967296, 485306839, 1508871100, 1794561286, 4014597330",
    "1099511640121, 1332995613, 1500173691, 493462063, 16738666",
    "-1099511640121, 1332995613, 1500173691, 493462063, 16738666",
    "9223372036854775807, 1359979423, 2819855560, 2711238091, 569878368",
    "-9223372036854775808, 2377109768, 1691753470, 4039908392, 899083848",
  })
  void givesTheWordsOfPython(long seed, long first, long second, long third, long fourth) {
    PythonRandom random = new PythonRandom(seed);
    assertThat(LongStream.generate(() -> random.getRandBits(32)).limit(4).toArray())
        .containsExactly(first, second, third, fourth);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 201979, 220500, 21225, 135746",
    "42, 335243, 58369, 13112, 144194",
    "-9223372036854775808, 290174, 206512, 109751, 126874",
  })
  void drawsTheDocumentsOfTheWandaCode(
      long seed, long first, long second, long third, long fourth) {
    assertThat(draws(seed, 356_316, 4)).containsExactly(first, second, third, fourth);
  }

  @Test
  void goesOnBeyondTheFirstTwist() {
    PythonRandom random = new PythonRandom(3);
    LongStream words = LongStream.generate(() -> random.getRandBits(32));
    assertThat(words.skip(2000).findFirst()).hasValue(869_119_255L);
  }

  @Test
  void givesAnyNumberOfBits() {
    PythonRandom random = new PythonRandom(7);
    assertThat(LongStream.of(1, 5, 31).map(n -> random.getRandBits((int) n)).toArray())
        .containsExactly(0, 30, 323_946_139);
  }

  @Test
  void drawsFromSpansOfAnyWidth() {
    assertThat(draws(7, 0, 3)).containsExactly(0, 0, 0);
    assertThat(draws(7, 10, 12)).containsExactly(5, 2, 6, 10, 0, 1, 8, 1, 5, 9, 0, 8);
    assertThat(draws(7, Integer.MAX_VALUE, 2)).containsExactly(1_390_851_128, 647_892_279);
  }

  private static long[] draws(long seed, int highest, int count) {
    PythonRandom random = new PythonRandom(seed);
    return LongStream.generate(() -> random.randInt(highest)).limit(count).toArray();
  }
}
