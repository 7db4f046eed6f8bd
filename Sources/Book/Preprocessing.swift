import Lockstep

/// Chapter 2.2: a table with missing values becomes tensors.
func preprocessingChapter(_ page: Page) throws {
  let csv = "NumRooms,Alley,Price\nNA,Pave,127500\n2,NA,106000\n4,NA,178100\nNA,NA,140000\n"
  let data = try DataFrame(csv: Array(csv.utf8), name: "house_tiny.csv")
  page.expect("four rows of three columns", data.rowCount == 4 && data.names == ["NumRooms", "Alley", "Price"])

  let (inputs, outputs) = try (data.selecting(0..<2), data.selecting(["Price"]))
  let filled = try inputs.fillMissing(.mean)
  try page.compare("rooms, the mean where missing", filled.selecting(["NumRooms"]).tensor(), notes: [3, 2, 4, 3])
  let features = try filled.oneHot(missingAsCategory: true)
  page.expect("columns of get_dummies", features.names == ["NumRooms", "Alley_Pave", "Alley_nan"], "\(features.names)")
  try page.compare("inputs", features.tensor(.float64), notes: [3, 1, 0, 2, 0, 1, 4, 0, 1, 3, 0, 1])
  try page.compare("outputs", outputs.tensor(.int64), notes: [127500, 106000, 178100, 140000])

  let kept = try data.droppingColumnWithMostMissing()
  page.expect("without the column that lacks most", kept.names == ["NumRooms", "Price"], "\(kept.names)")
}
