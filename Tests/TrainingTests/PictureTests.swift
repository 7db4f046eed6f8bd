import Datasets
import Foundation
import Testing

@testable import Training

struct PictureTests {
  @Test func signsThatNoFontHas() {
    let list = "20-7e a0-17f\n25a1 4e00-9fff\n\nnonsense 5-4\n"
    #expect(PictureFonts.uncovered(["a", "ž", "□", "学", "я", "🙂"], by: list) == ["я", "🙂"])
    #expect(PictureFonts.uncovered(["a"], by: "") == ["a"])
    // Whatever fonts there are: what is common stays, and there is a sign for each.
    let text = PictureFonts.drawable("é 'a' □\n学🙂")
    #expect(text.hasPrefix("é 'a' □\n") && text.unicodeScalars.count == 10)
  }

  @Test func chineseWordsLeaveThePictureWhole() throws {
    let words = Gnuplot.heatMap([[0, 1], [1, 0]], xLabel: "", yLabel: "", columns: ["动手", "学习"], rows: ["a", "b"])
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("picture-\(UUID()).png").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Gnuplot.draw(words, to: path)
    let picture = try ImageFile.read(path)
    // Paper around it and half of the cells are white; the box that stands for a sign without a font is black, and covers most.
    #expect(picture.pixels.count { $0 > 200 } > picture.pixels.count / 2)
    #expect(picture.pixels.count { $0 < 30 } < picture.pixels.count / 3)
  }

  @Test func aGridOfPictures() {
    let part = Gnuplot.heatMap([[1]], xLabel: "", yLabel: "", columns: ["x"], isPart: true)
    let grid = Gnuplot.grid([part, part, part], columns: 2)
    #expect(grid.first == "set multiplot layout 2,2" && grid.last == "unset multiplot")
    #expect(grid.count == 3 * part.count + 2 && part.contains("set xtics ('x' 0) scale 0 noenhanced rotate"))
  }
}
